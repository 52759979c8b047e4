"""What is written down of how good our quoting was. These structs are journal records, too: see `domain.trading`."""

import msgspec


class MarkedOut(msgspec.Struct, frozen=True, kw_only=True, tag="markout"):
    """What the contract of a trade of ours was worth `after_ms` after it, at its venue; 0 is when we heard of it.

    `mark_nanos` is in the instrument's currency. None is written when no recent mark was known.
    """

    now_ns: int
    venue: str
    trade_id: str
    after_ms: int
    mark_nanos: int
    index_nanos: int


class QuotesSampled(msgspec.Struct, frozen=True, kw_only=True, tag="quotes"):
    """How a strategy's quotes of one instrument stood in some samples: at how many of them what was true.

    A side is quoted when an order is known to rest there, and at the touch when nobody else's price is better.
    """

    now_ns: int
    venue: str
    instrument: str
    strategy: str
    samples: int
    bids: int
    asks: int
    both: int
    bid_touches: int
    ask_touches: int
