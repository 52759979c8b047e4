"""Orders by hand while a responder runs: through its own gate, journal and connection, on a socket of its user's alone.

The journal of an account has one writer, so `manual-order` cannot write beside a trader; it hands its ticket over. One
line of JSON goes in and one comes out, both of them structs of `atomizer.app.ticket`.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from atomizer.app.ledger import Ledger
from atomizer.app.ticket import OUTCOME_WITHIN_S, STRATEGY, Outcome, Placed, Ticket, as_placed
from atomizer.domain.ports import MarketView, OrderVenue
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Fill, OrderPlaced, OrderState
from atomizer.errors import ConfigError, JournalError, OutcomeUnknown
from atomizer.orders.client_ids import ClientIds
from atomizer.risk.exposure import Exposure
from atomizer.risk.gate import Gate
from atomizer.risk.rules import Proposal

log = logging.getLogger("atomizer.trades")

SOCKET: Final = "manual.sock"
LONGEST_PATH: Final = 100  # of a Unix socket, where the kernel takes little more
LOOK_EVERY_S: Final = 0.02
KEPT_FILLS: Final = 1_000


class HandVenue(MarketView, OrderVenue, Protocol):
    """Where they go: prices to look at, and somewhere to send."""


class Hand:
    """Takes tickets for one run."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        gate: Gate,
        venue: HandVenue,
        run: str,
        measure: Callable[[str, int], Exposure | Verdict],
        clock_ns: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._gate = gate
        self._venue = venue
        self._ids = ClientIds(STRATEGY, run)
        self._measure = measure
        self._clock_ns = clock_ns
        self._fills: deque[Fill] = deque(maxlen=KEPT_FILLS)
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    async def start(self, directory: Path) -> None:
        """Raises ConfigError: the place is too deep for a socket."""
        path = directory / SOCKET
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise ConfigError(f"rfq.manual: {path} is too long for a socket: make journal.directory shorter")
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        os.fchmod(listening.fileno(), 0o600)  # before it has a name, so that nobody else ever reaches it
        listening.bind(os.fspath(path))
        self._server = await asyncio.start_unix_server(self._on_caller, sock=listening)
        self._path = path

    def stop(self) -> None:
        """Take no more."""
        if self._server is not None and self._path is not None:
            self._server.close()
            with contextlib.suppress(OSError):  # a disk that takes nothing more keeps the name; nobody listens there
                self._path.unlink()

    def on_fill(self, fill: Fill) -> None:
        """A trade of the account."""
        if fill.strategy == STRATEGY:
            self._fills.append(fill)

    async def _on_caller(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            ticket = msgspec.json.decode(await reader.readline(), type=Ticket)
            writer.write(msgspec.json.encode(await self.place(ticket)) + b"\n")
            await writer.drain()
        except (msgspec.DecodeError, ValueError, ConnectionError) as error:
            log.warning("an order by hand could not be read or answered: %s", error)
        finally:
            writer.close()

    async def place(self, ticket: Ticket) -> Placed:
        """Gate, journal, send, and wait until it is known what came of it."""
        now_ns = self._clock_ns()
        verdict = self._check(ticket, now_ns)
        if not verdict.allowed:
            return Placed(outcome=Outcome.RISK_REFUSED, detail=f"{verdict.reason}: {verdict.detail}")
        order = ticket.order(self._venue, self._ids.next(), now_ns)
        try:
            self._ledger.write(order)
        except JournalError as error:
            self._gate.shut(str(error))
            return Placed(outcome=Outcome.RISK_REFUSED, detail=f"{Reason.JOURNAL_FAILED}: {error}")
        log.info("order %s by hand: %s %s", order.client_id, order.side.word, order.instrument)
        self._venue.place(order, now_ns)
        return await self._outcome(order)

    def _check(self, ticket: Ticket, now_ns: int) -> Verdict:
        name = ticket.instrument
        instrument = self._venue.instrument(name)
        if instrument is None:
            return Verdict(Reason.UNLISTED, f"{name} is not among what this trader listens to")
        words = name, ticket.side, ticket.price_nanos, ticket.amount_nanos
        proposal = Proposal(*words, signed=self._venue.signed(name))
        mark, book = self._venue.mark(name), self._venue.book(name)
        return self._gate.check_order(proposal, instrument, mark, self._measure(name, now_ns), now_ns, book=book)

    async def _outcome(self, placed: OrderPlaced) -> Placed:
        """As far as it is known in time; the trader's custody goes on with what is not."""
        order = self._ledger.state.orders.get(placed.venue, placed.client_id)
        assert order is not None  # noqa: S101  we have just written it
        end_s = asyncio.get_running_loop().time() + OUTCOME_WITHIN_S
        while asyncio.get_running_loop().time() < end_s:
            is_booked = order.booked_nanos >= order.reported_nanos
            if order.state not in {OrderState.SENT, OrderState.UNKNOWN} and is_booked:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        return as_placed(order, self._fills)


async def hand_over(directory: Path, ticket: Ticket) -> Placed | None:
    """Give a ticket to the trader whose books lie there; None when none of them takes orders by hand.

    Raises:
        OutcomeUnknown: it was given, and no answer came.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(directory / SOCKET)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    try:
        writer.write(msgspec.json.encode(ticket) + b"\n")
        answer = await asyncio.wait_for(reader.readline(), 2 * OUTCOME_WITHIN_S)
        return msgspec.json.decode(answer, type=Placed)
    except (TimeoutError, OSError, msgspec.DecodeError):
        words = "the trader did not say what became of the order: look at `atomizer orders`"
        raise OutcomeUnknown("trader", words, request="manual-order") from None
    finally:
        writer.close()
