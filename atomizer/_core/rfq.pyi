"""The fused answer to a Rysk request for quote: price from the resident book, signed quote frame out.

The price is that of `strategies.pricing.BookPricer`, in the same integers; the frame is that of `venues.rysk.codec`.
"""

from typing import Self, final

from atomizer._core.book import Book
from atomizer._core.ecdsa import Signer

@final
class RfqEdge:
    """What we want to earn per unit: the largest of USD, a share of the premium, and volatility points times vega."""

    def __new__(cls, *, usd_nanos: int = 0, premium_bps: int = 0, vol_points: float = 0.0) -> Self:
        """ValueError names what is below 0 or not a number."""

@final
class RfqQuoter:
    """Answers what it fully understands; on any doubt the caller takes the slow path. One maker, one thread.

    Holds the options of the hedge venue with their books, read where they are. The gate and the journal stand between
    `price` and `build_quote`, and are the caller's.
    """

    series_index: int
    price_nanos: int
    limit_nanos: int
    hedge_nanos: int

    def __new__(
        cls,
        signer: Signer,
        *,
        domain_separator: bytes,
        chain_id: int,
        target: RfqEdge,
        minimum: RfqEdge,
        max_book_age_ns: int,
        max_mark_age_ns: int,
    ) -> Self:
        """`target` is the edge of a first quote, never less than `minimum`. ValueError names what cannot be meant."""

    def add_chain(self, chain_id: int, domain_separator: bytes) -> None:
        """Requests from one chain more. ValueError: out of range, known already, or more than 16."""

    def add_token(self, address: bytes, underlying: str) -> None:
        """RFQs on this token are on this underlying. ValueError: not 20 bytes, known already, or more than 32."""

    def add_series(
        self,
        underlying: str,
        *,
        expiry_s: int,
        strike_e8: int,
        is_put: bool,
        book: Book,
        taker_fee_nanos: int,
        base_fee_nanos: int,
        fee_cap_nanos: int,
    ) -> int:
        """An option that the hedge venue lists for trading; its number. It has no mark yet, so it is not priced.

        Raises:
            ValueError: out of range, listed already, or more than 4096.
        """

    def set_mark(self, series: int, *, index_nanos: int, delta: float, vega: float, mark_ns: int) -> None:
        """The venue's latest mark. One without an index, or with a Greek that is not a number, stops the pricing."""

    def price(self, frame: bytes | bytearray | memoryview, now_ns: int) -> bool:
        """Whether the request was priced; if not, take the slow path. Everything below speaks of the one priced last.

        `price_nanos` is shown, `limit_nanos` leaves the minimum edge, `hedge_nanos` is what edges were taken from.

        Raises:
            ValueError: `now_ns` is no time.
        """

    def build_quote(self, nonce: int, valid_until_s: int) -> memoryview:
        """Signed quote frame for `/maker`. The view shows the next quote once that is built: send it before.

        Raises:
            ValueError: no request was priced since the last one that could not be.
        """

    @property
    def rfq_id(self) -> str: ...
    @property
    def quantity_nanos(self) -> int: ...
    @property
    def taker_buys(self) -> bool: ...
    @property
    def deadline_ns(self) -> int: ...
