"""What a responder's run needs of a source of RFQs, so that neither quoting nor the run's life names a venue."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from atomizer._core.ecdsa import Signer
from atomizer.app.fused import FusedQuotes
from atomizer.app.ledger import Ledger
from atomizer.config.settings import RfqSource as RfqSettings
from atomizer.config.settings import Settings
from atomizer.domain.session import VenueSession
from atomizer.domain.trading import Fill, Protection, QuoteAnswered, QuoteLeg, QuoteSent, Rfq, Signed
from atomizer.errors import BadFrame

NANOS_PER_MS: Final = 1_000_000


class RfqRequest(Protocol):
    """An RFQ that can be answered with a price for each leg. What a source must repeat of it is the source's own."""

    @property
    def rfq(self) -> Rfq: ...

    @property
    def deadline_ns(self) -> int:
        """Wall clock; no quote may leave after it."""

    def tick_nanos(self, leg: int, price_nanos: int) -> int:
        """What the price of a leg must be a multiple of; 1 when any will do."""


Request = TypeVar("Request", bound=RfqRequest)
Answered_contra = TypeVar("Answered_contra", bound=RfqRequest, contravariant=True)


class QuoteSender(Protocol[Answered_contra]):
    """The source's socket, or what prints instead of sending."""

    def signed(self, leg: QuoteLeg, valid_for_s: int) -> Signed:
        """What the signature of a quote with this leg would allow, for the gate to judge before there is one."""

    def barred(self) -> str:
        """Why no quote could leave now, in words; empty when one could."""

    def send_quote(self, request: Answered_contra, quote: QuoteSent) -> None:
        """Where quotes stand, instead of the one that stands for this request.

        Raises Disconnected: nothing was sent, and what stood stands.
        """


class FrameSender(Protocol):
    """The same for a quote that the compiled path has signed and built."""

    def send_frame(self, frame: memoryview) -> None:
        """The memory is valid during the call only. Raises Disconnected: nothing was sent."""


class StandingQuotes(Protocol[Answered_contra]):
    """A source whose quotes stand until they are taken, replaced or taken back."""

    def take_back(self, request: Answered_contra) -> None:
        """Have our quote for this request gone; an answer says when it is. What cannot be sent now is sent later."""

    def is_open(self, request: Answered_contra) -> bool:
        """Whether another quote for this request may be shown: its RFQ goes on, and none of ours has ended for good."""


class Ways(msgspec.Struct, frozen=True):
    """How quotes leave. Only a source with a compiled path has `frames`, only one of quotes that stand `standing`."""

    quotes: QuoteSender[Any]
    frames: FrameSender | None = None
    standing: StandingQuotes[Any] | None = None


class RfqEvents(Protocol[Answered_contra]):
    """Who listens to a source. Called from the socket's callback: must not block."""

    def on_maker_open(self) -> None: ...

    def on_rfq_frame(self, frame: memoryview, now_ns: int) -> bool: ...

    def on_settled(self, request: Answered_contra) -> None: ...

    def on_request(self, request: Answered_contra) -> None: ...

    def on_answer(self, answer: QuoteAnswered) -> None: ...

    def on_fill(self, fill: Fill) -> None: ...

    def on_bad_frame(self, error: BadFrame) -> None: ...


class Nonces(Protocol):
    def next(self, now_ns: int) -> int:
        """A nonce that no quote of this maker has ever used."""


class SessionNonces:
    """Of a source whose quotes and orders share them."""

    def __init__(self, venue: VenueSession) -> None:
        self.next = venue.next_nonce


def protections_of(rfq: RfqSettings, underlyings: Sequence[str]) -> list[Protection]:
    """What a venue's market maker protection of our quotes must be, for each underlying."""
    return [
        Protection(
            underlying=underlying,
            window_ms=rfq.protection_window.ns // NANOS_PER_MS,
            frozen_ms=rfq.protection_pause.ns // NANOS_PER_MS,
            amount_limit_nanos=rfq.protection_amount.nanos,
            delta_limit_nanos=rfq.protection_delta.nanos,
        )
        for underlying in underlyings
    ]


class RfqSource(Protocol):
    """A maker's presence at one source of RFQs."""

    @property
    def ways(self) -> Ways:
        """To be asked for after `start`. In a dry run they print."""

    @property
    def is_open(self) -> bool: ...

    async def start(self) -> None:
        """RFQs flow from here on, those first that are open already. Raises ConfigError, VenueError or BadFrame."""

    async def wait(self) -> None:
        """Until `stop`, or until something broke that no reconnect repairs: that is raised here."""

    async def stop(self) -> None: ...

    async def reconcile(self) -> None:
        """Hold what the source says we hold against our books, and book what nobody told us. Raises VenueError."""

    async def follow(self) -> None:
        """Reconcile until nothing that was quoted before now can trade unseen. Raises VenueError."""

    async def withdraw(self) -> None:
        """Take back every quote that can be taken back. Raises VenueError."""


class SourceParts(msgspec.Struct, frozen=True):
    """What a source is given by the run that opens it."""

    settings: Settings
    ledger: Ledger
    venue: VenueSession  # where the run takes prices from
    events: RfqEvents[Any]
    clock_ns: Callable[[], int]
    is_dry: bool = False  # nothing may leave, and nothing there is ours


class SourceAccess(Protocol):
    """The way to one source, as whom. Holds signers, which never show their keys."""

    @property
    def name(self) -> str:
        """As quotes and the journal name it: rysk, derive."""

    @property
    def owner(self) -> str:
        """For people: Rysk maker 0x…"""

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What the RFQs are about; what of it another venue lists is for that venue to say."""

    @property
    def signers(self) -> Sequence[Signer]: ...

    @property
    def pays_coin(self) -> bool:
        """Whether its prices count as the venue lists the instrument, in coins for an inverse option; else USD."""

    @property
    def names_trades(self) -> bool:
        """Whether a trade that we were not told of can be asked for; else it must be concluded from positions."""

    def fused(self, settings: Settings) -> FusedQuotes | None:
        """The compiled way from a frame to a quote, where there is one."""

    def nonces(self, last: int, venue: VenueSession) -> Nonces: ...

    def open(self, parts: SourceParts) -> RfqSource: ...
