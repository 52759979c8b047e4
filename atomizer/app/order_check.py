"""Does an order work from here? Listing, risk gate, signature, the venue's own check, and if asked a real order.

The real one is post-only and far from the market, and ends with the proof that it is gone.
"""

from typing import Final

import msgspec

from atomizer._core.fixed import ceil_to, floor_to, format_nanos
from atomizer.app import practice
from atomizer.app.manual import ManualDesk, banner, manual_desk
from atomizer.app.steps import ORDERS_MAY_LIVE, No, Steps
from atomizer.app.ticket import Outcome, Ticket
from atomizer.app.venues import VenueClient
from atomizer.config.settings import Settings
from atomizer.domain.instruments import Instrument
from atomizer.domain.trading import Side, TimeInForce
from atomizer.errors import UsageError, VenueError

FAR: Final = 10  # one part in so many away from the mark: nobody trades there, and venues still take it
EXIT_RISK_REFUSED: Final = 7


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The order in question; a price of None is far from the market, an amount of None is the venue's least."""

    instrument: str
    side: Side
    price_nanos: int | None
    amount_nanos: int | None
    time_in_force: TimeInForce
    reduce_only: bool


async def check_order(
    settings: Settings, endpoints: practice.Endpoints | None, wanted: Wanted, *, live: bool
) -> tuple[str, Steps]:
    """(where and as whom, the steps) of an order's way as far as it goes.

    Raises:
        UsageError, ConfigError, JournalError, VenueError, BadFrame: no step could be tried; says why.
    """
    steps = Steps()
    async with manual_desk(settings, endpoints, wanted.instrument) as desk:
        instrument = desk.instrument(wanted.instrument)
        await desk.venue.fetch_prices([wanted.instrument])
        far = _far_nanos(desk.venue, instrument, wanted.side)
        ticket = _ticket(wanted, instrument, wanted.price_nanos if wanted.price_nanos is not None else far)
        await steps.take("listing", _listing(instrument, desk.venue))
        passed = await steps.take("risk gate", _gate(desk, ticket))
        signed = await steps.take("signature", desk.venue.validate(desk.order(ticket)))
        if not live:
            steps.skip("live order", "not asked for: --live places one far from the market and cancels it")
        elif not (passed and signed):
            steps.skip("live order", "an earlier step failed")
        else:
            resting = msgspec.structs.replace(ticket, price_nanos=far, time_in_force=TimeInForce.POST_ONLY)
            await _live(desk, steps, resting)
    return banner(settings, desk.account), steps


def _ticket(wanted: Wanted, instrument: Instrument, price_nanos: int) -> Ticket:
    return Ticket(
        instrument=wanted.instrument,
        side=wanted.side,
        price_nanos=price_nanos,
        amount_nanos=wanted.amount_nanos or instrument.min_amount_nanos,
        time_in_force=wanted.time_in_force,
        reduce_only=wanted.reduce_only,
    )


def _far_nanos(venue: VenueClient, instrument: Instrument, side: Side) -> int:
    """A price on the tick that nobody trades at."""
    mark = venue.mark(instrument.name)
    if mark is None or mark.mark_nanos <= 0:
        raise UsageError(f"{instrument.name} has no mark to stay away from: choose another instrument or give --price")
    price_nanos = mark.mark_nanos - side * (mark.mark_nanos // FAR)
    tick_nanos = instrument.tick_at(price_nanos)
    rounded = floor_to(price_nanos, tick_nanos) if side is Side.BUY else ceil_to(price_nanos, tick_nanos)
    return max(rounded, tick_nanos)


async def _listing(instrument: Instrument, venue: VenueClient) -> str:
    mark = venue.mark(instrument.name)
    return (
        f"{instrument.name}: tick {format_nanos(instrument.tick_nanos)}, lot {format_nanos(instrument.lot_nanos)},"
        f" least {format_nanos(instrument.min_amount_nanos)}, mark {format_nanos(mark.mark_nanos) if mark else 'none'}"
    )


async def _gate(desk: ManualDesk, ticket: Ticket) -> str | No:
    verdict = await desk.check(ticket)
    if not verdict.allowed:
        return No(f"{verdict.reason}: {verdict.detail}", EXIT_RISK_REFUSED)
    return (
        f"{ticket.side.word} {format_nanos(ticket.amount_nanos)} {ticket.instrument} at"
        f" {format_nanos(ticket.price_nanos)} is inside every limit"
    )


async def _live(desk: ManualDesk, steps: Steps, ticket: Ticket) -> None:
    placed: list[str] = []

    async def place() -> str | No:
        found = await desk.place(ticket)
        if found.outcome is Outcome.RISK_REFUSED:
            return No(found.detail, EXIT_RISK_REFUSED)
        placed.append(found.client_id)
        if found.outcome is not Outcome.ACCEPTED:
            return No(found.detail, VenueError.exit_code)
        return f"post-only at {format_nanos(ticket.price_nanos)} is {found.state}: label {found.client_id}"

    async def cancel() -> str | No:
        found = await desk.cancel(placed[0])
        is_gone = found.state is not None and found.state.is_final
        return f"{found.state}" if is_gone else No(f"{found.state}: {found.detail}", VenueError.exit_code)

    async def gone() -> str | No:
        resting = [order for order in await desk.venue.resting() if order.client_id == placed[0]]
        return "the venue shows nothing of it" if not resting else No("it still rests", ORDERS_MAY_LIVE)

    is_placed = await steps.take("place", place())
    if not placed:
        return
    if is_placed:
        await steps.take("cancel", cancel())
    if not await steps.take("verify", gone()) and steps.exit_code != ORDERS_MAY_LIVE:
        steps.taken[-1] = msgspec.structs.replace(steps.taken[-1], exit_code=ORDERS_MAY_LIVE)
