"""What a channel name means, and who may hear it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.accounts import CURRENCIES
from atomizer.sim.deribit.auth import Session
from atomizer.sim.deribit.codes import Rejection
from atomizer.sim.deribit.engine import Engine
from atomizer.sim.deribit.units import NS_PER_MS, NS_PER_S

_INTERVALS = {"raw": 0, "100ms": 100 * NS_PER_MS, "agg2": NS_PER_S}  # agg2 as seen; the documents speak of 2 s
_SECOND = NS_PER_S
_KINDS = ("option", "future", "spot", "future_combo", "option_combo", "combo", "any")


class Kind(StrEnum):
    BOOK = "book"
    GROUPED_BOOK = "grouped book"
    TICKER = "ticker"
    INCREMENTAL_TICKER = "incremental_ticker"
    QUOTE = "quote"
    TRADES = "trades"
    CHART = "chart.trades"
    PRICE_INDEX = "deribit_price_index"
    PRICE_STATISTICS = "deribit_price_statistics"
    VOLATILITY_INDEX = "deribit_volatility_index"
    MARK_PRICES = "markprice.options"
    EXPIRATION_PRICE = "estimated_expiration_price"
    INSTRUMENT_STATE = "instrument.state"
    PLATFORM = "platform_state"
    USER_ORDERS = "user.orders"
    USER_TRADES = "user.trades"
    USER_CHANGES = "user.changes"
    PORTFOLIO = "user.portfolio"
    MMP_TRIGGER = "user.mmp_trigger"
    USER_LOCK = "user.lock"
    RFQ_MAKER = "block_rfq.maker"
    RFQ_MAKER_QUOTES = "block_rfq.maker.quotes"
    RFQ_TAKER = "block_rfq.taker"
    RFQ_TRADES = "block_rfq.trades"


PRIVATE = {
    Kind.USER_ORDERS: "trade",
    Kind.USER_TRADES: "trade",
    Kind.USER_CHANGES: "trade",
    Kind.PORTFOLIO: "account",
    Kind.MMP_TRIGGER: "trade",
    Kind.USER_LOCK: "account",
    Kind.RFQ_MAKER: "block_rfq",
    Kind.RFQ_MAKER_QUOTES: "block_rfq",
    Kind.RFQ_TAKER: "block_rfq",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """`instrument` is a name, or empty for all of `instrument_kind` and `currency` ("any" is every one).

    `subject` is an index, a currency or a candle's width. `interval_ns` 0 is as it happens; for a grouped book `group`
    is in ticks, 0 is none.
    """

    kind: Kind
    interval_ns: int = 0
    instrument: str = ""
    instrument_kind: str = ""
    currency: str = ""
    subject: str = ""
    group: int = 0
    depth: int = 0

    @property
    def is_raw(self) -> bool:
        return self.interval_ns == 0

    def covers(self, name: str, kind: str, currency: str) -> bool:
        if self.instrument:
            return name == self.instrument
        return self.instrument_kind in {kind, "any"} and self.currency in {currency, "any"}


def check_listener(topic: Topic, session: Session | None) -> bool:
    """Whether this listener may have it.

    Raises:
        Rejection: 13778, a raw public channel without a login.
    """
    if topic.kind in PRIVATE:
        return session is not None and session.allows(PRIVATE[topic.kind], "read")
    raw = topic.kind in {Kind.BOOK, Kind.TICKER, Kind.TRADES} and topic.is_raw
    if raw and session is None:
        raise Rejection(codes.RAW_UNAUTHORIZED)
    return True


def _book(instrument: str, interval: str) -> Topic:
    return Topic(Kind.BOOK, _INTERVALS[interval], instrument=instrument)


def _grouped_book(instrument: str, group: str, depth: str, interval: str) -> Topic:
    ticks = 0 if group == "none" else int(group)
    return Topic(Kind.GROUPED_BOOK, _INTERVALS[interval], instrument=instrument, group=ticks, depth=int(depth))


def _ticker(instrument: str, interval: str) -> Topic:
    return Topic(Kind.TICKER, _INTERVALS[interval], instrument=instrument)


def _of_instrument(kind: str, instrument: str) -> Topic:
    """An incremental ticker once a second, a quote as it changes."""
    return Topic(Kind(kind), _SECOND if kind == Kind.INCREMENTAL_TICKER else 0, instrument=instrument)


def _rows(kind: str, instrument_kind: str | None, currency: str | None, instrument: str | None, interval: str) -> Topic:
    return Topic(
        Kind(kind),
        _INTERVALS[interval],
        instrument=instrument or "",
        instrument_kind=instrument_kind or "",
        currency=currency or "",
    )


def _chart(instrument: str, resolution: str) -> Topic:
    return Topic(Kind.CHART, _SECOND, instrument=instrument, subject=resolution)


def _of_index(kind: str, index: str) -> Topic:
    return Topic(Kind(kind), _SECOND, subject=index)


def _instrument_state(instrument_kind: str, currency: str) -> Topic:
    return Topic(Kind.INSTRUMENT_STATE, instrument_kind=instrument_kind, currency=currency)


def _portfolio(currency: str) -> Topic:
    return Topic(Kind.PORTFOLIO, _INTERVALS["100ms"], subject=currency)


def _of_subject(kind: str, subject: str = "") -> Topic:
    return Topic(Kind(kind), subject=subject)


def _of_rfqs(kind: str, currency: str) -> Topic:
    return Topic(Kind(kind), subject=currency if currency == "any" else currency.upper())


_INTERVAL = r"(raw|100ms|agg2)"
_INDEX_KINDS = (
    r"(deribit_price_index|deribit_price_statistics|deribit_volatility_index|markprice\.options"
    r"|estimated_expiration_price)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], Callable[..., Topic]], ...] = (
    (re.compile(rf"book\.([^.]+)\.{_INTERVAL}"), _book),
    (re.compile(r"book\.([^.]+)\.(none|1|2|5|10|25|100|250)\.(1|10|20)\.(100ms|agg2)"), _grouped_book),
    (re.compile(rf"ticker\.([^.]+)\.{_INTERVAL}"), _ticker),
    (re.compile(r"(incremental_ticker|quote)\.([^.]+)"), _of_instrument),
    (
        re.compile(
            rf"(trades|user\.orders|user\.trades|user\.changes)\.(?:([^.]+)\.([^.]+)|([^.]+))\.{_INTERVAL}",
        ),
        _rows,
    ),
    (re.compile(r"chart\.trades\.([^.]+)\.(1|3|5|10|15|30|60|120|180|360|720|1D)"), _chart),
    (re.compile(rf"{_INDEX_KINDS}\.([a-z]+_[a-z]+)"), _of_index),
    (re.compile(r"instrument\.state\.([^.]+)\.([^.]+)"), _instrument_state),
    (re.compile(r"user\.portfolio\.([^.]+)"), _portfolio),
    (re.compile(r"(user\.mmp_trigger)\.([^.]+)"), _of_subject),
    (re.compile(r"(block_rfq\.(?:maker\.quotes|maker|taker|trades))\.([^.]+)"), _of_rfqs),
    (re.compile(r"(platform_state|user\.lock)(?:\.public_methods_state)?"), _of_subject),
)


def _is_listed(engine: Engine, topic: Topic) -> bool:
    indexes = {item.index_name for item in engine.instruments.values()}
    if topic.instrument and topic.instrument not in engine.instruments:
        return False
    if topic.instrument_kind and (topic.instrument_kind not in _KINDS or topic.currency not in {*CURRENCIES, "any"}):
        return False
    if topic.kind is Kind.PORTFOLIO or topic.kind.startswith("block_rfq"):
        return topic.subject.upper() in {*CURRENCIES, "ANY"}
    return not topic.subject or topic.kind is Kind.CHART or topic.subject in {*indexes, "all"}


def topic_of(engine: Engine, name: str) -> Topic | None:
    """None when there is no such channel."""
    for pattern, build in _PATTERNS:
        if match := pattern.fullmatch(name):
            topic = build(*match.groups())
            return topic if _is_listed(engine, topic) else None
    return None
