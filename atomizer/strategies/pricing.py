"""What an RFQ is worth to us, from the resident book of the venue where it would be hedged.

We buy from a taker what we can sell into the hedge venue's bids, and sell to a taker what we can buy from its asks:

    buy:   price = bid VWAP(quantity) - hedge fee - edge
    sell:  price = ask VWAP(quantity) + hedge fee + edge
    edge      = max(usd, premium_bps/10000 * VWAP, vol_points * vega)                per unit
    hedge fee = base_fee/quantity + min(taker_rate * index, fee_cap * VWAP)          per unit; no cap when fee_cap is 0

All in integer nanos of USD per unit, and every rounding is to our advantage: costs up, bids down, asks up. A book in
coins (Deribit's inverse options) becomes one in USD by the venue's index price. Of a structure each leg is priced by
itself; a future in it earns its fee and no edge, for the edge is the options'.
"""

import math
from typing import Final, Protocol

import msgspec

from atomizer._core.fixed import NO_PRICE, format_nanos
from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.ports import MarketView
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Mark, Rfq, RfqLeg, Side
from atomizer.strategies.freshness import fresh_book, fresh_mark

_BPS: Final = 10_000


class Edge(msgspec.Struct, frozen=True):
    """What we want to earn per unit: the largest of three."""

    usd_nanos: int = 0
    premium_bps: int = 0
    vol_points: float = 0.0  # volatility points (0.01 of volatility) of the option's vega

    def nanos(self, hedge_nanos: int, vega: float) -> int:
        """Edge per unit. `hedge_nanos` is the hedge price, `vega` in USD per volatility point."""
        premium = -(-hedge_nanos * self.premium_bps // _BPS)
        volatility = math.ceil(self.vol_points * vega * NANOS) if self.vol_points else 0
        return max(self.usd_nanos, premium, volatility)


class Price(msgspec.Struct, frozen=True):
    """A price for one RFQ, in nanos USD per unit."""

    target_nanos: int  # shown first
    limit_nanos: int  # the worst that still leaves the minimum edge: never beyond it
    hedge_nanos: int  # what the edge was taken from


class Pricer(Protocol):
    """Prices an RFQ from what is known now, or says why not."""

    def price(self, rfq: Rfq | RfqLeg, now_ns: int) -> Price | Verdict:
        """Of an RFQ of one leg, or of one leg of a structure."""


class FixedPricer:
    """One price for everything: for tests of the connection, never for money."""

    def __init__(self, price_nanos: int) -> None:
        if price_nanos <= 0:
            raise ValueError(f"a fixed price must be above 0, not {price_nanos} nanos")
        self._price = Price(price_nanos, price_nanos, price_nanos)

    def price(self, rfq: Rfq | RfqLeg, now_ns: int) -> Price | Verdict:  # noqa: ARG002  the port's signature
        return self._price


class BookPricerParams(msgspec.Struct, frozen=True):
    """`target` is the edge of the first quote, `minimum` the one that no quote may go below."""

    target: Edge
    minimum: Edge
    max_book_age_ns: int
    max_mark_age_ns: int
    quotes_pay: bool = False  # the source takes the same rate and cap of the RFQ's own trade (Derive; no base fee)


class BookPricer:
    """Prices from the resident book, marks and fees of the hedge venue. Holds no state of its own."""

    def __init__(self, params: BookPricerParams, market: MarketView) -> None:
        self._params = params
        self._market = market

    def price(self, rfq: Rfq | RfqLeg, now_ns: int) -> Price | Verdict:
        params = self._params
        name = rfq.contract.name
        instrument = self._market.instrument(name)
        # The name carries the day alone, so a contract that expires at another hour is another contract.
        if instrument is None or instrument.contract != rfq.contract or not instrument.is_active:
            return Verdict(Reason.UNLISTED, f"{name} is not listed at the hedge venue")
        if instrument.is_amount_usd:
            return Verdict(Reason.COIN_PRICED, f"{name} counts USD and pays {instrument.currency}: not part of an RFQ")
        mark = fresh_mark(self._market, name, params.max_mark_age_ns, now_ns)
        if isinstance(mark, Verdict):
            return mark
        book = fresh_book(self._market, name, params.max_book_age_ns, now_ns)
        if isinstance(book, Verdict):
            return book
        takes_bids = rfq.side is Side.BUY  # what we buy from the taker, the hedge sells
        hedge_nanos = book.vwap(takes_bids, rfq.quantity_nanos)
        if hedge_nanos == NO_PRICE:
            held = format_nanos(book.depth(takes_bids))
            side = "bids" if takes_bids else "asks"
            return Verdict(Reason.THIN_BOOK, f"{name} {side} hold {held} of {format_nanos(rfq.quantity_nanos)}")
        return _with_edge(rfq, instrument, mark, _in_usd(hedge_nanos, instrument, mark, takes_bids=takes_bids), params)


def _in_usd(hedge_nanos: int, instrument: Instrument, mark: Mark, *, takes_bids: bool) -> int:
    """What the hedge pays, or costs, in USD."""
    if not instrument.is_inverse:
        return hedge_nanos
    return hedge_nanos * mark.index_nanos // NANOS if takes_bids else -(-hedge_nanos * mark.index_nanos // NANOS)


def _with_edge(
    rfq: Rfq | RfqLeg, instrument: Instrument, mark: Mark, hedge_nanos: int, params: BookPricerParams
) -> Price | Verdict:
    fee = hedge_fee_nanos(instrument, hedge_nanos, mark.index_nanos, rfq.quantity_nanos)
    if params.quotes_pay:
        fee += _rate_nanos(instrument, hedge_nanos, mark.index_nanos)
    minimum = params.minimum.nanos(hedge_nanos, mark.vega) if rfq.contract.is_option else 0
    target = max(minimum, params.target.nanos(hedge_nanos, mark.vega)) if rfq.contract.is_option else 0
    away = -rfq.side.value  # we buy below the hedge price and sell above it
    price = Price(hedge_nanos + away * (fee + target), hedge_nanos + away * (fee + minimum), hedge_nanos)
    if price.target_nanos <= 0:
        return Verdict(Reason.UNPROFITABLE, f"{rfq.contract.name} hedge {hedge_nanos}, fee {fee}, edge {target} nanos")
    return price


def hedge_fee_nanos(instrument: Instrument, hedge_nanos: int, index_nanos: int, quantity_nanos: int) -> int:
    """Taker fee per unit, rounded up, of one order for the quantity (Derive "Fees": base, rate, cap)."""
    rate = _rate_nanos(instrument, hedge_nanos, index_nanos)
    return rate - (-instrument.base_fee_nanos * NANOS // quantity_nanos)


def _rate_nanos(instrument: Instrument, price_nanos: int, index_nanos: int) -> int:
    """The part of the fee that goes with the size: rate x index, at most the cap's share of the premium."""
    rate = -(-instrument.taker_fee_nanos * index_nanos // NANOS)
    if instrument.fee_cap_nanos:
        rate = min(rate, -(-instrument.fee_cap_nanos * price_nanos // NANOS))
    return rate
