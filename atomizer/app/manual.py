"""Orders that a person places: one at a time, through the same gate and the same journal as every other.

The journal of the account is ours while this runs, so it does not run beside a trader of the same account; one that
takes orders by hand is given the order instead.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from atomizer.app import one_shot, practice
from atomizer.app.access import book_directory, identity_of
from atomizer.app.custody import Custody
from atomizer.app.hand import hand_over
from atomizer.app.ledger import Ledger
from atomizer.app.markets import check_expiry, day_of
from atomizer.app.parts import build_limits
from atomizer.app.ticket import OUTCOME_WITHIN_S, STRATEGY, Outcome, Placed, Ticket, as_placed
from atomizer.app.venues import VenueAccount, VenueClient, account_at
from atomizer.config.mode import mode_of
from atomizer.config.settings import Settings
from atomizer.domain.instruments import Contract, Instrument, parse_name
from atomizer.domain.reasons import Verdict
from atomizer.domain.session import Event
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate, TimeInForce
from atomizer.errors import UsageError
from atomizer.orders.client_ids import ClientIds
from atomizer.orders.table import Order
from atomizer.risk.exposure import RunningExposure, as_flight
from atomizer.risk.gate import Gate
from atomizer.risk.latch import KillLatch
from atomizer.risk.rules import Proposal

NEAREST_STRIKES: Final = 3


class ManualDesk:
    """One person's hand at one account."""

    def __init__(self, settings: Settings, account: VenueAccount, ledger: Ledger, exposure: RunningExposure) -> None:
        self.account = account
        self._settings = settings
        self._ledger = ledger
        self._exposure = exposure
        self._gate = Gate(build_limits(settings.risk), ledger.state.losses)
        self._ids = ClientIds(STRATEGY, secrets.token_hex(4))
        self._news = asyncio.Event()
        self._fills: list[Fill] = []
        self._venue: VenueClient | None = None
        self._custody: Custody | None = None

    @property
    def venue(self) -> VenueClient:
        assert self._venue is not None  # noqa: S101  `adopt` comes first
        return self._venue

    def on_event(self, event: Event) -> None:
        """What the venue says of our orders: journaled, folded, told to whoever waits."""
        if isinstance(event, OrderUpdate | Fill):
            if self._ledger.write(event) and isinstance(event, Fill):
                self._fills.append(event)
            self._news.set()

    async def adopt(self, venue: VenueClient) -> None:
        """Square our books with the venue's before anything is added to them, and know what our positions weigh."""
        self._venue = venue
        self._custody = Custody(
            ledger=self._ledger, venue=venue, clock_ns=time.time_ns, on_fill=self.on_event, on_update=self.on_event
        )
        await self._custody.reconcile()
        await venue.fetch_prices([name for name in venue.names if self._weighs(name)])
        self._ledger.state.orders.watch(self._track)

    def instrument(self, name: str) -> Instrument:
        """Raises UsageError: not listed here; names what is near."""
        found = self.venue.instrument(name)
        if found is None:
            raise UsageError(_unlisted(name, (parse_name(each) for each in self.venue.names)))
        return found

    async def check(self, ticket: Ticket) -> Verdict:
        """What the gate says."""
        instrument = self.instrument(ticket.instrument)
        await self.venue.fetch_prices([ticket.instrument])
        now_ns = time.time_ns()
        words = ticket.instrument, ticket.side, ticket.price_nanos, ticket.amount_nanos
        proposal = Proposal(*words, signed=self.venue.signed(ticket.instrument))
        exposure = self._exposure.measure(ticket.instrument, now_ns - self._settings.risk.max_mark_age.ns)
        mark, book = self.venue.mark(ticket.instrument), self.venue.book(ticket.instrument)
        return self._gate.check_order(proposal, instrument, mark, exposure, now_ns, book=book)

    def order(self, ticket: Ticket) -> OrderPlaced:
        """The order that this ticket becomes, under a label and a nonce of its own."""
        return ticket.order(self.venue, self._ids.next(), time.time_ns())

    def note_mark(self, name: str) -> None:
        """The present mark into the books, so that what was traded can be valued without the venue."""
        mark = self.venue.mark(name)
        if mark is not None:
            self._ledger.write(mark)

    async def place(self, ticket: Ticket) -> Placed:
        """Gate, journal, send, and wait until it is known what came of it."""
        if ticket.time_in_force is not TimeInForce.IOC and not self.venue.keeps_orders:
            raise UsageError(
                f"{self.venue.name} cancels an order when its connection ends, which is when this command does:"
                " use --time-in-force ioc"
            )
        verdict = await self.check(ticket)
        if not verdict.allowed:
            return Placed(outcome=Outcome.RISK_REFUSED, detail=f"{verdict.reason}: {verdict.detail}")
        return await self.send(self.order(ticket))

    async def send(self, order: OrderPlaced) -> Placed:
        """An order that has passed the gate: into the journal, then out."""
        self._ledger.write(order)
        self.venue.place(order, order.now_ns)
        found = await self._until(order.client_id, lambda known: known.state is not OrderState.SENT)
        if found.state in {OrderState.SENT, OrderState.UNKNOWN}:
            await self.resolve(order.client_id)
        return as_placed(found, self._fills)

    async def cancel(self, client_id: str) -> Placed:
        """Cancel, and wait until the order is known to have ended."""
        now_ns = time.time_ns()
        cancel = CancelSent(now_ns=now_ns, venue=self.venue.name, client_id=client_id)
        self._ledger.write(cancel)
        self.venue.cancel(cancel, now_ns)
        found = await self._until(client_id, lambda known: known.state.is_final)
        if not found.state.is_final:
            await self.resolve(client_id)
        return as_placed(found, self._fills)

    async def resolve(self, client_id: str) -> None:
        """Ask what became of an order, or burn its nonce."""
        assert self._custody is not None  # noqa: S101  `adopt` comes first
        await self._custody.resolve(client_id)

    def _weighs(self, name: str) -> bool:
        state = self._ledger.state
        return bool(state.portfolio.amount_nanos(name)) or any(
            order.placed is not None and order.placed.instrument == name for order in state.orders.live()
        )

    def _track(self, order: Order) -> None:
        """So much of an order may still trade."""
        placed = order.placed
        if placed is not None:
            words = placed.instrument, placed.side, order.open_nanos, placed.price_nanos
            flight = as_flight(*words, self.venue.mark(placed.instrument))
            self._exposure.put_order(order.venue, order.client_id, flight)

    async def _until(self, client_id: str, known: Callable[[Order], bool]) -> Order:
        order = self._ledger.state.orders.get(self.venue.name, client_id)
        assert order is not None  # noqa: S101  we have just written it
        try:
            async with asyncio.timeout(OUTCOME_WITHIN_S):
                while not known(order):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        return order


@asynccontextmanager
async def manual_desk(
    settings: Settings, endpoints: practice.Endpoints | None, instrument: str
) -> AsyncIterator[ManualDesk]:
    """Our account at the exchange of the settings, squared with the venue, with what `instrument` is about listed.

    Raises:
        ConfigError: credentials are missing or will not do.
        Killed: the kill latch is set.
        JournalError: a trader of this account is running.
        VenueError, BadFrame: the venue could not be asked.
    """
    underlying = _underlying(instrument)
    account = account_at(settings.exchange.name, settings, endpoints)
    async with _desk_at(settings, account, book_directory(settings, account, endpoints), underlying) as desk:
        yield desk


@asynccontextmanager
async def _desk_at(
    settings: Settings, account: VenueAccount, directory: Path, underlying: str
) -> AsyncIterator[ManualDesk]:
    KillLatch(directory).check()
    ledger = Ledger(directory, identity_of(account, directory))
    try:
        exposure = RunningExposure()
        ledger.state.portfolio.watch(exposure.hold)
        desk = ManualDesk(settings, account, ledger, exposure)
        held = {parse_name(each.instrument).underlying for each in ledger.state.portfolio.positions()}
        async with one_shot.client(
            account.open_client,
            settings,
            sorted({underlying, *(each for each in held if each.partition("_")[0] == underlying.partition("_")[0])}),
            emit=desk.on_event,
            listeners=[exposure],
            last_nonce=ledger.state.last_nonce(account.venue),
        ) as venue:
            await desk.adopt(venue)
            yield desk
    finally:
        ledger.journal.close()


async def place_one(
    settings: Settings, endpoints: practice.Endpoints | None, ticket: Ticket, say: Callable[[str], None]
) -> Placed:
    """One order, and what became of it. `say` gets the banner. A trader that takes orders by hand is given it.

    Raises:
        UsageError, ConfigError, JournalError, VenueError, BadFrame: the order was not sent; says why.
        OutcomeUnknown: the trader that was given it did not say what became of it.
    """
    underlying = _underlying(ticket.instrument)
    account = account_at(settings.exchange.name, settings, endpoints)
    directory = book_directory(settings, account, endpoints)
    if (handed := await hand_over(directory, ticket)) is not None:
        say(f"{mode_of(settings)}: {account.place} {account.owner}; through the trader that runs there")
        return handed
    async with _desk_at(settings, account, directory, underlying) as desk:
        desk.instrument(ticket.instrument)
        say(banner(settings, desk.account))
        placed = await desk.place(ticket)
        desk.note_mark(ticket.instrument)
        return placed


def banner(settings: Settings, account: VenueAccount) -> str:
    """Where an order is about to go, as whom, and inside which limits."""
    risk = settings.risk
    limits = f"delta {risk.max_delta}, position {risk.max_position}, order {risk.max_order_size}"
    return f"{mode_of(settings)}: {account.place} {account.owner}; strategy {STRATEGY}; limits: {limits}"


def _underlying(instrument: str) -> str:
    try:
        return parse_name(instrument).underlying
    except ValueError as error:
        raise UsageError(f"--instrument: {error}") from None


def _unlisted(name: str, listed: Iterable[Contract]) -> str:
    """That there is no such instrument, and what there is near it."""
    wanted, contracts = parse_name(name), list(listed)
    if day := day_of(wanted):
        check_expiry(day, sorted({day_of(each) for each in contracts} - {""}), f"--instrument {name}:")
    near = sorted(
        (each for each in contracts if day_of(each) == day_of(wanted) and each.option_type is wanted.option_type),
        key=lambda each: abs(each.strike_nanos - wanted.strike_nanos),
    )
    names = ", ".join(each.name for each in sorted(near[:NEAREST_STRIKES]))
    return f"--instrument {name}: not listed: the nearest are {names or 'none'}"
