"""What a responder's run needs of a source of RFQs, so that neither quoting nor the run's life names a venue."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from atomizer._core.ecdsa import Signer
from atomizer.app.fused import FusedQuotes
from atomizer.app.ledger import Ledger
from atomizer.config.settings import Settings
from atomizer.domain.session import VenueSession
from atomizer.domain.trading import Fill, QuoteAnswered, QuoteSent, Rfq
from atomizer.errors import BadFrame


class RfqRequest(Protocol):
    """An RFQ that can be answered with one price. What a source must repeat of it is the source's own."""

    @property
    def rfq(self) -> Rfq: ...

    @property
    def deadline_ns(self) -> int:
        """Wall clock; no quote may leave after it."""

    @property
    def tick_nanos(self) -> int:
        """What a price must be a multiple of; 1 when any will do."""


Request = TypeVar("Request", bound=RfqRequest)
Answered_contra = TypeVar("Answered_contra", bound=RfqRequest, contravariant=True)


class QuoteSender(Protocol[Answered_contra]):
    """The source's socket, or what prints instead of sending."""

    def send_quote(self, request: Answered_contra, quote: QuoteSent) -> None:
        """Raises Disconnected: nothing was sent."""

    def send_frame(self, frame: memoryview) -> None:
        """A quote that is signed and built; the memory is valid during the call only."""


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


class RfqSource(Protocol):
    """A maker's presence at one source of RFQs."""

    @property
    def sender(self) -> QuoteSender[Any]: ...

    @property
    def is_open(self) -> bool: ...

    async def start(self) -> None:
        """RFQs flow from here on. Raises ConfigError, VenueError or BadFrame."""

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

    def fused(self, settings: Settings) -> FusedQuotes | None:
        """The compiled way from a frame to a quote, where there is one."""

    def nonces(self, last: int, venue: VenueSession) -> Nonces: ...

    def printer(self) -> QuoteSender[Any]:
        """Stands where the socket would, in a dry run."""

    def open(self, parts: SourceParts) -> RfqSource: ...
