"""Subscriptions: who listens to what, and what is due.

A book's changes chain: each message of a channel names the change id of the one before it. Raw channels speak after
every event and every request, the others on the publishing tick when their interval has passed, each at a moment of
its own where that is a second, so that a thousand channels do not wait for the same one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from atomizer.sim.deribit import wire_market
from atomizer.sim.deribit.accounts import CURRENCIES
from atomizer.sim.deribit.connection import Connection
from atomizer.sim.deribit.engine import Engine
from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.platform import CHANNEL
from atomizer.sim.deribit.rpc import build_notification
from atomizer.sim.deribit.topics import PRIVATE, Kind, Topic, check_listener, topic_of
from atomizer.sim.deribit.units import NS_PER_MS, NS_PER_S, number
from atomizer.sim.deribit.wire_account import portfolio_shape

_OF_BOOKS = {Kind.BOOK, Kind.QUOTE, Kind.TICKER}  # what a change of a book may concern at once
_SNAPSHOTS = {
    Kind.BOOK,
    Kind.GROUPED_BOOK,
    Kind.TICKER,
    Kind.INCREMENTAL_TICKER,
    Kind.QUOTE,
    Kind.CHART,
    Kind.PRICE_INDEX,
    Kind.PRICE_STATISTICS,
    Kind.VOLATILITY_INDEX,
    Kind.MARK_PRICES,
    Kind.EXPIRATION_PRICE,
    Kind.PORTFOLIO,
}
Levels = dict[tuple[bool, int], int]


@dataclass(slots=True, eq=False)
class Channel:
    """One channel name that somebody listens to; of a private one, by one account (`user_id`, else 0)."""

    name: str
    topic: Topic
    user_id: int
    listeners: dict[Connection, None] = field(default_factory=dict)
    newcomers: dict[Connection, None] = field(default_factory=dict)  # listeners that have had nothing yet
    sent_ns: int = 0
    change_id: int = 0
    shown: Levels = field(default_factory=dict)
    last: Any = None  # what was said last, where only news is said
    rows: list[Any] = field(default_factory=list)  # what happened since the last time

    def is_due(self, now_ns: int) -> bool:
        """Whether an interval has ended since the last time."""
        interval_ns = self.topic.interval_ns
        if not interval_ns:
            return True
        phase_ns = crc32(self.name.encode()) % 1000 * NS_PER_MS if interval_ns >= NS_PER_S else 0
        return (now_ns - phase_ns) // interval_ns != (self.sent_ns - phase_ns) // interval_ns


class Channels:
    """All live channels of the venue."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._live: dict[tuple[str, int], Channel] = {}
        self._of_book: dict[str, list[Channel]] = {}

    def subscribe(self, connection: Connection, name: str, label: str | None) -> bool:
        """False when there is no such channel, or not for this listener."""
        topic = topic_of(self._engine, name)
        if topic is None or not check_listener(topic, connection.session):
            return False
        user_id = connection.session.holder.user_id if topic.kind in PRIVATE and connection.session else 0
        channel = self._live.get((name, user_id))
        if channel is None:
            channel = self._live[name, user_id] = Channel(name, topic, user_id)
            if topic.kind in _OF_BOOKS:
                self._of_book.setdefault(topic.instrument, []).append(channel)
        if connection not in channel.listeners:
            channel.listeners[connection] = None
            if topic.kind in _SNAPSHOTS:
                channel.newcomers[connection] = None
        connection.channels[name] = label
        return True

    def unsubscribe(self, connection: Connection, name: str) -> bool:
        """False when it was not subscribed."""
        if name not in connection.channels:
            return False
        del connection.channels[name]
        for key in [key for key in self._live if key[0] == name]:
            channel = self._live[key]
            channel.listeners.pop(connection, None)
            channel.newcomers.pop(connection, None)
            if not channel.listeners:
                del self._live[key]
                if channel.topic.kind in _OF_BOOKS:
                    self._of_book[channel.topic.instrument].remove(channel)
        return True

    def tell(self, kind: Kind, instrument: Instrument, rows: Sequence[Any], user_id: int = 0) -> None:
        """Rows about one instrument: to raw channels at once, to the others with their next tick."""
        for channel in self._live.values():
            topic = channel.topic
            if topic.kind is not kind or channel.user_id != user_id:
                continue
            if topic.covers(instrument.name, instrument.kind, instrument.currency):
                self._add(channel, rows)

    def send(self, kind: Kind, subjects: Iterable[str], data: Any, user_id: int = 0) -> None:
        """To everybody who listens to `kind` of one of `subjects`."""
        wanted = set(subjects)
        for channel in list(self._live.values()):
            if channel.topic.kind is kind and channel.user_id == user_id and channel.topic.subject in wanted:
                self._deliver(channel, channel.listeners, data)

    def announce_platform(self, state: Any) -> None:
        """Said when it changes, and not to newcomers."""
        for channel in self._live.values():
            if channel.name == CHANNEL:
                self._deliver(channel, channel.listeners, state)

    def announce(self, instrument: Instrument, row: dict[str, Any]) -> None:
        """A new state of an instrument."""
        for channel in self._live.values():
            topic = channel.topic
            if topic.kind is Kind.INSTRUMENT_STATE and topic.covers(
                instrument.name, instrument.kind, instrument.currency
            ):
                self._deliver(channel, channel.listeners, row)

    def books_changed(self, names: Iterable[str], now_ns: int) -> None:
        """What raw listeners of these books hear at once."""
        for name in names:
            for channel in self._of_book.get(name, ()):
                if channel.topic.is_raw:
                    self._publish(channel, now_ns)

    def welcome(self, now_ns: int) -> None:
        """The first message for whoever has just subscribed to a raw channel."""
        for channel in list(self._live.values()):
            if channel.newcomers and channel.topic.is_raw:
                self._publish(channel, now_ns)

    def publish(self, now_ns: int) -> None:
        """The publishing tick: what is due."""
        for channel in list(self._live.values()):
            is_due = channel.is_due(now_ns)
            if is_due and channel.topic.kind in _SNAPSHOTS:
                self._publish(channel, now_ns)
            elif is_due and channel.rows:
                rows, channel.rows = channel.rows, []
                for message in _messages(channel.topic.kind, rows):
                    self._deliver(channel, channel.listeners, message)
            elif channel.newcomers and channel.topic.kind is not Kind.BOOK:
                self._deliver(channel, channel.newcomers, self._content(channel, now_ns))
                channel.newcomers.clear()
            if is_due:
                channel.sent_ns = now_ns

    def books(self) -> dict[str, dict[str, Any]]:
        """{instrument: {"sequence": change id, "bids": [[nanos, nanos], …], "asks": …}} of the raw books.

        Of those that somebody listens to.
        """
        found: dict[str, dict[str, Any]] = {}
        for channel in self._live.values():
            if channel.topic.kind is Kind.BOOK and channel.topic.is_raw and not channel.newcomers:
                bids, asks = wire_market.sides(self._engine, self._engine.instruments[channel.topic.instrument])
                found[channel.topic.instrument] = {"sequence": channel.change_id, "bids": bids, "asks": asks}
        return found

    # Inside

    def _add(self, channel: Channel, rows: Sequence[Any]) -> None:
        if not channel.topic.is_raw:
            channel.rows += rows
            return
        messages = rows if channel.topic.kind is Kind.USER_ORDERS else _messages(channel.topic.kind, rows)
        for message in messages:
            self._deliver(channel, channel.listeners, message)

    def _publish(self, channel: Channel, now_ns: int) -> None:
        if channel.topic.kind is Kind.BOOK:
            self._publish_book(channel, now_ns)
            return
        content = self._content(channel, now_ns)
        news = _news(channel.topic.kind, content, channel.last)
        channel.last = content
        old = {listener: None for listener in channel.listeners if listener not in channel.newcomers}
        if news is not None:
            self._deliver(channel, old, news)
        self._deliver(channel, channel.newcomers, _first(channel.topic.kind, content))
        channel.newcomers.clear()

    def _publish_book(self, channel: Channel, now_ns: int) -> None:
        """The change since the last time for those who have heard, then all of it for those who have not."""
        engine, name = self._engine, channel.topic.instrument
        change_id = engine.change_id(name)
        head = {"timestamp": now_ns // NS_PER_MS, "instrument_name": name}
        if change_id != channel.change_id:
            now_shown = _levels(engine, engine.instruments[name])
            rows = _changes(channel.shown, now_shown)
            old = {listener: None for listener in channel.listeners if listener not in channel.newcomers}
            if old and (rows["bids"] or rows["asks"]):
                chain = {"type": "change", "prev_change_id": channel.change_id, "change_id": change_id}
                self._deliver(channel, old, {**head, **chain, **rows})
                channel.change_id = change_id
            elif not old:
                channel.change_id = change_id
            channel.shown = now_shown
        if channel.newcomers:
            whole = _changes({}, channel.shown)
            snapshot = {**head, "type": "snapshot", "change_id": channel.change_id, **whole}
            self._deliver(channel, channel.newcomers, snapshot)
            channel.newcomers.clear()

    def _content(self, channel: Channel, now_ns: int) -> Any:
        """What a channel has to say now."""
        engine, topic = self._engine, channel.topic
        if topic.instrument:
            return _of_instrument(engine, engine.instruments[topic.instrument], topic, now_ns)
        if topic.kind is Kind.PORTFOLIO:
            wanted = [each for each in CURRENCIES if topic.subject.upper() in {each, "ANY"}]
            return [portfolio_shape(engine, engine.holders[channel.user_id], each) for each in wanted]
        return _INDEX_CONTENT[topic.kind](engine, topic.subject, now_ns)

    def _deliver(self, channel: Channel, listeners: Iterable[Connection], data: Any) -> None:
        """One message; a portfolio is one message a currency."""
        messages = data if channel.topic.kind is Kind.PORTFOLIO else [data]
        for message in messages:
            for connection in listeners:
                label = connection.channels.get(channel.name)
                connection.send(build_notification(channel.name, message, label))


def _messages(kind: Kind, rows: Sequence[Any]) -> list[Any]:
    """All rows in one message; of user.changes one message an instrument, with the last state of each order."""
    if kind is not Kind.USER_CHANGES:
        return [list(rows)]
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        found = merged.setdefault(row["instrument_name"], {**row, "trades": [], "orders": []})
        found["trades"] += row["trades"]
        known = {order["order_id"]: order for order in [*found["orders"], *row["orders"]]}
        found["orders"], found["positions"] = list(known.values()), row["positions"]
    return list(merged.values())


def _news(kind: Kind, content: Any, last: Any) -> Any:
    """What is new in it for those who have heard the last: None for nothing."""
    if last is None or kind in {Kind.PRICE_INDEX, Kind.VOLATILITY_INDEX, Kind.EXPIRATION_PRICE, Kind.MARK_PRICES}:
        return content
    if kind is Kind.INCREMENTAL_TICKER:
        changed = {name: value for name, value in content.items() if last.get(name) != value}
        return {"type": "change", "instrument_name": content["instrument_name"], **changed}
    return content if _without_time(content) != _without_time(last) else None


def _first(kind: Kind, content: Any) -> Any:
    return {"type": "snapshot", **content} if kind is Kind.INCREMENTAL_TICKER else content


def _without_time(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    return {name: value for name, value in content.items() if name != "timestamp"}


def _levels(engine: Engine, instrument: Instrument) -> Levels:
    bids, asks = wire_market.sides(engine, instrument)
    return {(True, price): amount for price, amount in bids} | {(False, price): amount for price, amount in asks}


def _changes(before: Levels, after: Levels) -> dict[str, list[list[Any]]]:
    """[["new", price, amount], ["change", …], ["delete", price, 0.0]] on both sides."""
    rows: dict[str, list[list[Any]]] = {"bids": [], "asks": []}
    for (is_bid, price), amount in after.items():
        old = before.get((is_bid, price))
        if old != amount:
            action = "new" if old is None else "change"
            rows["bids" if is_bid else "asks"].append([action, number(price), number(amount)])
    for is_bid, price in before:
        if (is_bid, price) not in after:
            rows["bids" if is_bid else "asks"].append(["delete", number(price), 0.0])
    return rows


def _of_instrument(engine: Engine, instrument: Instrument, topic: Topic, now_ns: int) -> dict[str, Any]:
    if topic.kind is Kind.GROUPED_BOOK:
        return _grouped(engine, instrument, topic, now_ns)
    if topic.kind is Kind.CHART:
        return wire_market.last_candle(engine, instrument, topic.subject, now_ns)
    if topic.kind is Kind.QUOTE:
        return wire_market.quote(engine, instrument, now_ns)
    return wire_market.ticker(engine, instrument, now_ns)


def _grouped(engine: Engine, instrument: Instrument, topic: Topic, now_ns: int) -> dict[str, Any]:
    bucket = max(instrument.rules.tick * topic.group, 1)
    bids, asks = wire_market.sides(engine, instrument, depth=topic.depth, group=bucket)
    return {
        "timestamp": now_ns // NS_PER_MS,
        "instrument_name": instrument.name,
        "change_id": engine.change_id(instrument.name),
        "bids": wire_market.pairs(bids),
        "asks": wire_market.pairs(asks),
    }


def _price_index(engine: Engine, index: str, now_ns: int) -> dict[str, Any]:
    price = number(engine.quotation.index(_base(index)))
    return {"timestamp": now_ns // NS_PER_MS, "price": price, "index_name": index}


def _price_statistics(engine: Engine, index: str, _now_ns: int) -> dict[str, Any]:
    """The index knows no yesterday before the venue opened."""
    price = number(engine.quotation.index(_base(index)))
    return {"high24h": price, "low24h": price, "change24h": 0.0, "high_volatility": False, "index_name": index}


def _volatility_index(engine: Engine, index: str, now_ns: int) -> dict[str, Any]:
    volatility = wire_market.volatility(engine, _base(index))
    return {"timestamp": now_ns // NS_PER_MS, "volatility": volatility, "index_name": index}


def _mark_prices(engine: Engine, index: str, now_ns: int) -> list[dict[str, Any]]:
    """Volatilities here are fractions, other than everywhere else."""
    return [
        {
            "instrument_name": item.name,
            "mark_price": number(engine.view(item).mark),
            "iv": round(engine.view(item).iv, 4),
            "timestamp": now_ns // NS_PER_MS,
        }
        for item in engine.instruments.values()
        if item.is_option and item.index_name == index and not item.is_closed
    ]


def _expiration_price(engine: Engine, index: str, now_ns: int) -> dict[str, Any]:
    expiries = [item.expiry_s for item in engine.instruments.values() if item.expiry_s and not item.is_closed]
    seconds = min(expiries, default=0) - now_ns // NS_PER_S
    price = number(engine.delivery_estimate(_base(index)))
    return {"price": price, "seconds": max(seconds, 0), "is_estimated": seconds <= 1800}  # noqa: PLR2004  the half hour


def _base(index: str) -> str:
    return index.partition("_")[0].upper()


_INDEX_CONTENT: dict[Kind, Callable[[Engine, str, int], Any]] = {
    Kind.PRICE_INDEX: _price_index,
    Kind.PRICE_STATISTICS: _price_statistics,
    Kind.VOLATILITY_INDEX: _volatility_index,
    Kind.MARK_PRICES: _mark_prices,
    Kind.EXPIRATION_PRICE: _expiration_price,
}
