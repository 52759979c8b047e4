"""The trader's picture of itself, in a shared memory map: one writer that never waits, any number of readers.

Layout: sequence (u64, odd while the writer is inside), length (u32), JSON (it carries integers of any size). A
reader copies and then looks whether the sequence stood still; otherwise it looks again.
"""

import mmap
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from atomizer.domain.trading import Side

SIZE = 1 << 20
_HEADER = struct.Struct("<QI")
_RETRIES = 100


class Row(msgspec.Struct, frozen=True):
    """One position as the picture shows it; nanos and e18, Greeks of the whole position, None = not known."""

    instrument: str
    venue: str
    amount_nanos: int
    average_e18: int
    mark_nanos: int | None
    delta: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    realized_e18: int
    unrealized_e18: int | None
    fees_e18: int


class Happening(msgspec.Struct, frozen=True):
    """One line of the tape."""

    now_ns: int
    what: str
    instrument: str
    side: Side | None = None
    detail: str = ""


class QuoteRow(msgspec.Struct, frozen=True):
    """Both quotes of one instrument: what rests, the market without us, and why a side shows nothing."""

    instrument: str
    bid_nanos: int | None
    bid_size_nanos: int
    ask_nanos: int | None
    ask_size_nanos: int
    market_bid_nanos: int | None
    market_ask_nanos: int | None
    mark_nanos: int | None
    position_nanos: int
    why: str = ""
    fair_nanos: int | None = None  # our own value, where quotes stand round one
    last_nanos: int | None = None  # of the last trade in the book that we heard of


class SmileRow(msgspec.Struct, frozen=True):
    """One expiry's smile, from which its options are priced; figures are None before there is one."""

    expiry: str  # ETH-20261204
    points: int
    at_the_money: float | None  # volatility, a fraction a year
    rms_points: float | None  # volatility points by which it misses its points
    lowest_g: float | None  # of Durrleman's: below 0 there is butterfly arbitrage
    arbitrage: str  # against the expiry before; empty when there is none
    why: str = ""  # nothing of it is quoted; empty when it is


class Making(msgspec.Struct, frozen=True):
    """A market maker's counters since its start."""

    orders: int
    cancels: int
    replaces: int
    fills: int
    refusals: dict[str, int]  # orders by the reason of our gate, or `venue_` and the venue's code
    uptime: float | None  # share of the samples in which both sides rested; None before the first
    at_touch: float | None  # share of both sides in all samples that rested with no better price of others
    quotes: tuple[QuoteRow, ...]
    smiles: tuple[SmileRow, ...] = ()  # when quotes stand round them
    volatilities: dict[str, float] = {}  # by underlying: the venue's index, a fraction a year, where it has one


class Snapshot(msgspec.Struct, frozen=True):
    """All that the live picture needs, at one moment."""

    now_ns: int
    started_ns: int
    mode: str
    venue: str
    account: str
    phase: str
    connected: tuple[str, ...]
    rfqs_seen: int
    rfqs_quoted: int
    requotes: int
    rfqs_won: int
    declines: dict[str, int]
    hedges_open: int
    hedges_done: int
    orders_live: int
    books: int
    positions: tuple[Row, ...]
    deltas: dict[str, float | None]
    premium_e18: int
    latency_count: int
    latency_p50_ns: int
    latency_p99_ns: int
    latency_max_ns: int
    tape: tuple[Happening, ...]
    making: Making | None = None  # of a market maker; the RFQ counters are 0 then


class SnapshotWriter:
    """Owns the file; `publish` costs one encode and one copy."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w+b")
        self._file.truncate(SIZE)
        self._map = mmap.mmap(self._file.fileno(), SIZE)
        self._sequence = 0
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder()

    def publish(self, snapshot: Snapshot) -> None:
        """Replace what readers see. A snapshot that does not fit is a programming error: it is bounded by its maker."""
        self._encoder.encode_into(snapshot, self._buffer)
        length = len(self._buffer)
        end = _HEADER.size + length
        if end > SIZE:
            raise ValueError(f"snapshot of {length} bytes does not fit {SIZE}")
        _HEADER.pack_into(self._map, 0, self._sequence + 1, length)
        self._map[_HEADER.size : end] = bytes(self._buffer)
        self._sequence += 2
        _HEADER.pack_into(self._map, 0, self._sequence, length)

    def close(self) -> None:
        self._map.close()
        self._file.close()


class SnapshotReader:
    """Reads what a `SnapshotWriter` of another process publishes."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), SIZE, access=mmap.ACCESS_READ)
        self._decoder = msgspec.json.Decoder(Snapshot)

    def read(self) -> Snapshot | None:
        """The newest snapshot; None when there is none yet, or the writer died inside one."""
        for _ in range(_RETRIES):
            sequence, length = _HEADER.unpack_from(self._map)
            if sequence == 0:
                return None
            content = self._map[_HEADER.size : _HEADER.size + length]
            if sequence % 2 == 0 and _HEADER.unpack_from(self._map)[0] == sequence:
                return self._decoder.decode(content)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._map.close()
