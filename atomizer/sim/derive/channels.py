"""Subscriptions: which channel names exist, who listens, and what is due.

Books and tickers go out on a publishing tick, the rest as it happens. A book channel sends whole snapshots: on change,
at most ten times a second, and once a second without one, since the venue calls it periodic. What goes out once a
second does so at a moment of its own, by its name, so that a thousand channels do not wait for the same one.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar
from zlib import crc32

from atomizer.sim.derive import codes, wire_market
from atomizer.sim.derive.accounts import Wallet
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.connection import Connection
from atomizer.sim.derive.dialect import Dialect
from atomizer.sim.derive.engine import Engine
from atomizer.sim.derive.rpc import build_notification
from atomizer.sim.derive.units import NS_PER_MS, NS_PER_S

_BOOK = re.compile(r"orderbook\.([^.]+)\.(1|10|100)\.(1|10|20|100)")
_TICKER = re.compile(r"(ticker|ticker_slim)\.([^.]+)\.(100|1000)")
_TAPE = re.compile(r"trades\.([^.]+)(?:\.([^.]+))?")
_SPOT = re.compile(r"spot_feed\.([^.]+)")
_PRIVATE = re.compile(r"([0-9]{1,18})\.(orders|trades|balances|quotes)", re.ASCII)
_RFQS = re.compile(r"(0x[0-9a-fA-F]{40})\.rfqs", re.ASCII)
_BOOK_INTERVAL_NS = 100 * NS_PER_MS
_BOOK_REFRESH_NS = NS_PER_S
_SPOT_INTERVAL_NS = NS_PER_S
_SLOWEST_MS = 1000
_USUAL_DEPTH = 20
_KINDS = ("option", "perp", "erc20")

Row = TypeVar("Row")


class Kind(StrEnum):
    BOOK = "orderbook"
    FULL_TICKER = "ticker"
    SLIM_TICKER = "ticker_slim"
    SPOT = "spot_feed"
    EVENTS = "events"  # tape and private channels: sent as it happens


@dataclass(frozen=True, slots=True)
class Topic:
    """What a channel name means. `subject` is the instrument or the currency; `group` and `depth` are for books."""

    kind: Kind
    subject: str = ""
    interval_ns: int = 0
    group: int = 1
    depth: int = 1


@dataclass(slots=True, eq=False)
class Channel:
    """One channel name that somebody listens to."""

    name: str
    topic: Topic
    listeners: dict[Connection, None] = field(default_factory=dict)
    newcomers: dict[Connection, None] = field(default_factory=dict)  # listeners that have had nothing yet
    sent_ns: int = 0
    sent_version: int = -1
    publish_id: int = 0

    def is_due(self, interval_ns: int, now_ns: int) -> bool:
        """Whether an interval has ended since the last time."""
        phase_ns = crc32(self.name.encode()) % _SLOWEST_MS * NS_PER_MS if interval_ns >= NS_PER_S else 0
        return (now_ns - phase_ns) // interval_ns != (self.sent_ns - phase_ns) // interval_ns


class Channels:
    """All live channels of the venue."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._live: dict[str, Channel] = {}

    def subscribe(self, connection: Connection, name: str, wallet: Wallet | None) -> None:
        """Raises Rejection when there is no such channel, or not for this listener."""
        topic = self._topic(name, connection.dialect, wallet)
        channel = self._live.setdefault(name, Channel(name, topic))
        if connection not in channel.listeners:
            channel.listeners[connection] = None
            if topic.interval_ns:
                channel.newcomers[connection] = None
            connection.channels[name] = None

    def unsubscribe(self, connection: Connection, name: str) -> bool:
        """False when it was not subscribed."""
        if name not in connection.channels:
            return False
        del connection.channels[name]
        channel = self._live[name]
        del channel.listeners[connection]
        channel.newcomers.pop(connection, None)
        if not channel.listeners:
            del self._live[name]
        return True

    def send(self, name: str, rows: Sequence[Row], shape: Callable[[Row, Dialect], Any]) -> None:
        """Something happened: tell the listeners of `name`, each generation in its own shape."""
        channel = self._live.get(name)
        if rows and channel is not None:
            self._deliver(channel, channel.listeners, lambda dialect: [shape(row, dialect) for row in rows])

    def publish(self, now_ns: int) -> None:
        """The publishing tick: snapshots that are due."""
        for channel in self._live.values():
            listeners = self._due_listeners(channel, now_ns)
            if not listeners:
                continue
            if listeners is channel.listeners:
                channel.sent_ns = now_ns
                channel.publish_id += 1
            self._deliver(channel, listeners, self._snapshot(channel, now_ns))
            channel.newcomers.clear()

    def books(self) -> dict[str, dict[str, Any]]:
        """{instrument: {"sequence": publish id, "bids": [[nanos, nanos], …], "asks": …}} of the books of twenty levels.

        Of those that somebody listens to and that have not changed since they were published.
        """
        found: dict[str, dict[str, Any]] = {}
        for channel in self._live.values():
            topic = channel.topic
            if topic.kind is not Kind.BOOK or (topic.group, topic.depth) != (1, _USUAL_DEPTH):
                continue
            book, tick = self._engine.books[topic.subject], self._engine.instruments[topic.subject].tick
            if book.version == channel.sent_version:
                bids, asks = (book.levels(is_bid=is_bid, depth=_USUAL_DEPTH, bucket=tick) for is_bid in (True, False))
                found[topic.subject] = {"sequence": channel.publish_id, "bids": bids, "asks": asks}
        return found

    def _due_listeners(self, channel: Channel, now_ns: int) -> dict[Connection, None]:
        """All of them when the channel is due, else those that have had nothing yet."""
        topic = channel.topic
        if not topic.interval_ns or not channel.is_due(topic.interval_ns, now_ns):
            return channel.newcomers
        if topic.kind is Kind.BOOK:
            version = self._engine.books[topic.subject].version
            if version == channel.sent_version and not channel.is_due(_BOOK_REFRESH_NS, now_ns):
                return channel.newcomers
            channel.sent_version = version
        return channel.listeners

    def _snapshot(self, channel: Channel, now_ns: int) -> Callable[[Dialect], Any]:
        """What a channel has to say, for each generation."""
        engine, topic = self._engine, channel.topic
        if topic.kind is Kind.SPOT:
            feed = wire_market.spot_feed(engine, topic.subject, now_ns)
            return lambda _dialect: feed
        instrument = engine.instruments[topic.subject]
        if topic.kind is Kind.BOOK:
            sides = wire_market.book_sides(engine, instrument, depth=topic.depth, group=topic.group)
            head = {"instrument_name": instrument.name, "publish_id": channel.publish_id}
            return lambda _dialect: {**head, "timestamp": now_ns // NS_PER_MS, **sides}

        def ticker(dialect: Dialect) -> dict[str, Any]:
            if topic.kind is Kind.FULL_TICKER:
                return wire_market.full_ticker(engine, instrument, dialect, now_ns)
            return wire_market.slim_ticker(engine, instrument, now_ns)

        return lambda dialect: {"timestamp": now_ns // NS_PER_MS, "instrument_ticker": ticker(dialect)}

    def _deliver(self, channel: Channel, listeners: Iterable[Connection], shape: Callable[[Dialect], Any]) -> None:
        frames: dict[str, str] = {}
        for connection in listeners:
            dialect = connection.dialect
            if dialect.name not in frames:
                frames[dialect.name] = build_notification(dialect, channel.name, shape(dialect))
            connection.send(frames[dialect.name])

    def _topic(self, name: str, dialect: Dialect, wallet: Wallet | None) -> Topic:
        """Raises Rejection 13000 with why this is no channel."""
        if match := _BOOK.fullmatch(name):
            self._check_instrument(match[1])
            return Topic(Kind.BOOK, match[1], _BOOK_INTERVAL_NS, int(match[2]), int(match[3]))
        if match := _TICKER.fullmatch(name):
            self._check_instrument(match[2])
            if match[1] == Kind.FULL_TICKER and dialect.is_v3:
                raise Rejection(codes.CHANNELS, "ticker is not a channel of v3: ticker_slim")
            return Topic(Kind(match[1]), match[2], int(match[3]) * NS_PER_MS)
        if match := _SPOT.fullmatch(name):
            self._check_currency(match[1])
            return Topic(Kind.SPOT, match[1], _SPOT_INTERVAL_NS)
        if match := _TAPE.fullmatch(name):
            self._check_tape(match[1], match[2])
        else:
            _check_private(name, wallet)
        return Topic(Kind.EVENTS)

    def _check_tape(self, subject: str, currency: str | None) -> None:
        if currency is None:
            self._check_instrument(subject)
        elif subject not in _KINDS:
            raise Rejection(codes.CHANNELS, f"{{'instrument_type': ['Invalid enum value {subject}']}}")
        else:
            self._check_currency(currency)

    def _check_instrument(self, name: str) -> None:
        if name not in self._engine.instruments:
            raise Rejection(codes.CHANNELS, f"{codes.NO_SUCH_INSTRUMENT}: Instrument not found")

    def _check_currency(self, currency: str) -> None:
        if currency not in currencies(self._engine):
            raise Rejection(codes.CHANNELS, f"{codes.NO_SUCH_CURRENCY}: Currency not found")


def _check_private(name: str, wallet: Wallet | None) -> None:
    if match := _PRIVATE.fullmatch(name):
        is_own = wallet is not None and int(match[1]) in wallet.subaccounts
    elif match := _RFQS.fullmatch(name):
        is_own = wallet is not None and match[1] in {wallet.address, wallet.address.lower()}
    else:
        raise Rejection(codes.CHANNELS, "Unknown channel")
    if not is_own:
        raise Rejection(codes.CHANNELS, "14022: Subscription to a private channel failed")
    if name.endswith(".rfqs") and wallet is not None and not wallet.is_rfq_maker:
        raise Rejection(codes.CHANNELS, f"{codes.NOT_RFQ_MAKER}: Not authorized as RFQ maker")


def currencies(engine: Engine) -> list[str]:
    return sorted({instrument.underlying for instrument in engine.instruments.values()})
