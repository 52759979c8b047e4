"""The transaction log of an account: every change of its money, each with how much of it was funding."""

from dataclasses import dataclass
from typing import Any

from atomizer.sim.deribit.instruments import Instrument
from atomizer.sim.deribit.units import money, number


@dataclass(frozen=True, slots=True)
class Heading:
    """Which change: its number, when, of what, and the index then."""

    entry_id: int
    timestamp_ms: int
    instrument: Instrument
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One change. Prices and amounts in nanos, money in e18 of the instrument's currency."""

    heading: Heading
    kind: str  # "trade", "settlement" or "delivery"
    side: str
    amount: int
    price: int
    held: int  # after it, signed
    fee_e18: int
    change_e18: int
    balance_e18: int
    funding_e18: int
    all_funding_e18: int  # of the position so far
    role: str = ""
    trade_id: str | None = None
    order_id: str | None = None

    def is_about(self, words: str) -> bool:
        """Whether the log's search finds it."""
        instrument = self.heading.instrument
        about = {self.kind, self.role, instrument.kind, instrument.name, self.trade_id, self.order_id}
        return words in about or words in self.side.split()


def entry_shape(entry: Entry, user_id: int, name: str) -> dict[str, Any]:
    """{"type":"settlement","interest_pl":9.93e-06,"instrument_name":"BTC-PERPETUAL","id":61311,…}"""
    heading = entry.heading
    instrument = heading.instrument
    return {
        "id": heading.entry_id,
        "user_seq": heading.entry_id,
        "user_id": user_id,
        "username": name,
        "timestamp": heading.timestamp_ms,
        "type": entry.kind,
        "currency": instrument.currency,
        "instrument_name": instrument.name,
        "side": entry.side,
        "amount": number(entry.amount),
        "price": number(entry.price),
        "price_currency": instrument.currency if instrument.is_option and not instrument.is_linear else "USD",
        "index_price": number(heading.index),
        "position": number(entry.held),
        "commission": money(entry.fee_e18),
        "cashflow": money(entry.change_e18 + entry.fee_e18),
        "change": money(entry.change_e18),
        "balance": money(entry.balance_e18),
        "equity": money(entry.balance_e18),
        "interest_pl": money(entry.funding_e18),
        "total_interest_pl": money(entry.all_funding_e18),
        "trade_id": entry.trade_id,
        "order_id": entry.order_id,
        "user_role": entry.role or None,
        "info": {},
    }
