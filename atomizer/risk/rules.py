"""What the gate asks of one order or quote, a function for each rule: None, or a verdict that says why not.

What reduces a position or a Greek is never stopped by the limit on it. A limit that is not about one of them (open
orders, open notional, losses) lets through what reduces the position, and a future that reduces the delta.
"""

from typing import Final

import msgspec

from atomizer._core.book import Book
from atomizer._core.fixed import NO_PRICE, format_e18, is_multiple
from atomizer.domain.instruments import NANOS, USD, Instrument
from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Mark, Side, Signed
from atomizer.risk.exposure import Exposure, InFlight, Span, as_flight
from atomizer.risk.greeks import scaled
from atomizer.risk.limits import Limits
from atomizer.risk.losses import Losses

BAND_TICKS: Final = 5  # the price band is never narrower: a share of a tiny premium is less than a tick


class Fair(msgspec.Struct, frozen=True):
    """What we think that one unit is worth, and since when."""

    price_nanos: int
    now_ns: int


class Proposal(msgspec.Struct, frozen=True):
    """What is about to be sent. Price and amount in nanos, as the instrument counts them."""

    instrument: str
    side: Side
    price_nanos: int
    amount_nanos: int
    fair: Fair | None = None  # of a strategy that has an opinion; a hedge or a human is held against the mark alone
    signed: Signed = Signed()

    @property
    def notional_e18(self) -> int:
        return self.price_nanos * self.amount_nanos

    def __str__(self) -> str:
        return f"{self.instrument} {self.side.word} {shown(self.amount_nanos)} at {shown(self.price_nanos)}"


Flight = InFlight | Proposal  # counted in coins and USD


def flight_of(proposal: Proposal, mark: Mark | None) -> Flight:
    """The proposal in coins and USD, which it is in already unless its instrument is paid in a coin."""
    if mark is None or mark.currency == USD:
        return proposal
    return as_flight(proposal.instrument, proposal.side, proposal.amount_nanos, proposal.price_nanos, mark)


def check_listing(order: Proposal, instrument: Instrument) -> Verdict | None:
    if instrument.name != order.instrument or not instrument.is_active:
        return Verdict(Reason.UNLISTED, f"{order.instrument} is not listed for trading")
    tick_nanos = instrument.tick_at(order.price_nanos)
    if not is_multiple(order.price_nanos, tick_nanos):
        return Verdict(Reason.OFF_TICK, f"price is off the tick {shown(tick_nanos)} ({order})")
    if not is_multiple(order.amount_nanos, instrument.lot_nanos):
        return Verdict(Reason.OFF_LOT, f"amount is off the lot {shown(instrument.lot_nanos)} ({order})")
    if order.amount_nanos < instrument.min_amount_nanos:
        least = shown(instrument.min_amount_nanos)
        return Verdict(Reason.BELOW_MINIMUM, f"the venue's smallest order is {least} ({order})")
    if order.amount_nanos > instrument.max_amount_nanos:
        most = shown(instrument.max_amount_nanos)
        return Verdict(Reason.ABOVE_MAXIMUM, f"the venue's largest order is {most} ({order})")
    return None


def check_size(limits: Limits, proposal: Proposal, flight: Flight) -> Verdict | None:
    if proposal.price_nanos <= 0 or proposal.amount_nanos <= 0:
        return Verdict(Reason.BELOW_MINIMUM, f"price and amount must be above 0 ({proposal})")
    if flight.amount_nanos > limits.max_order_size_nanos:
        return exceeded(Reason.MAX_SIZE, "max_order_size", limits.max_order_size_nanos, flight.amount_nanos, proposal)
    if flight.notional_e18 > limits.max_order_notional_e18:
        return exceeded_usd(
            Reason.MAX_NOTIONAL, "max_order_notional", limits.max_order_notional_e18, flight.notional_e18, proposal
        )
    return None


def check_book(limits: Limits, proposal: Proposal, book: Book | None, now_ns: int) -> Verdict | None:
    """No book is asked for where the price was made without one."""
    if book is None:
        return None
    if book.dark:
        return Verdict(Reason.NO_BOOK, f"{proposal.instrument} has no book to trade by")
    age_ns = now_ns - book.received_ns
    if age_ns > limits.max_book_age_ns:
        return Verdict(
            Reason.STALE_BOOK,
            f"the book of {proposal.instrument} is {_seconds(age_ns)} s old, max_book_age is "
            f"{_seconds(limits.max_book_age_ns)} s: wait for the venue or raise risk.max_book_age",
        )
    return None


def check_band(limits: Limits, proposal: Proposal, mark: Mark | None, least_nanos: int, now_ns: int) -> Verdict | None:
    """Only the side that costs us: a bid far below the mark may rest, one far above it is a mistake."""
    if mark is None or mark.mark_nanos <= 0 or now_ns - mark.now_ns > limits.max_mark_age_ns:
        return Verdict(Reason.NO_GREEKS, f"{proposal.instrument} has no recent mark to hold a price against")
    return _inside(proposal, mark.mark_nanos, "mark", limits.price_band_nanos, least_nanos)


def check_fair(limits: Limits, proposal: Proposal, least_nanos: int, now_ns: int) -> Verdict | None:
    """As the band round the mark, round what we think ourselves, where we do."""
    fair = proposal.fair
    if fair is None:
        return None
    if fair.price_nanos <= 0 or now_ns - fair.now_ns > limits.max_mark_age_ns:
        return Verdict(Reason.NO_FAIR, f"{proposal.instrument} has no recent fair value to hold a price against")
    return _inside(proposal, fair.price_nanos, "fair", limits.fair_band_nanos, least_nanos)


def check_signature(limits: Limits, proposal: Proposal, mark: Mark | None) -> Verdict | None:
    """Not more for the venue, and not longer, than limits allow, whatever becomes of us."""
    index_nanos = mark.index_nanos if mark is not None else 0
    reason = signed_beyond(limits, proposal.signed, index_nanos)
    if reason is Reason.OK:
        return None
    if reason is Reason.MAX_FEE:
        allowed_nanos = index_nanos * limits.max_fee_nanos // NANOS
        return Verdict(
            Reason.MAX_FEE,
            f"max_fee_bps allows {shown(allowed_nanos)} USD per unit at index {shown(index_nanos)}, signed would be "
            f"{shown(proposal.signed.max_fee_nanos)} ({proposal}): check the venue's fees or raise risk.max_fee_bps",
        )
    return Verdict(
        Reason.MAX_LIFE,
        f"max_signature_life {_seconds(limits.max_signature_life_ns)} s exceeded, would be "
        f"{_seconds(proposal.signed.life_ns)} s ({proposal}): sign for less or raise risk.max_signature_life",
    )


def signed_beyond(limits: Limits, signed: Signed, index_nanos: int) -> Reason:
    """Which limit on signatures it passes at this index price; OK when it passes none."""
    if signed.max_fee_nanos > index_nanos * limits.max_fee_nanos // NANOS:
        return Reason.MAX_FEE
    return Reason.MAX_LIFE if signed.life_ns > limits.max_signature_life_ns else Reason.OK


def check_exposure(limits: Limits, proposal: Proposal, flight: Flight, exposure: Exposure) -> Verdict | None:
    change = flight.side * flight.amount_nanos
    position = exposure.position
    if leaves(position, change, limits.max_position_nanos):
        would_be = position.after(change)
        return exceeded(Reason.MAX_POSITION, "max_position", limits.max_position_nanos, would_be, proposal)
    moved = scaled(change, exposure.unit_delta_nanos)
    if leaves(exposure.delta, moved, limits.max_delta_nanos):
        would_be = exposure.delta.after(moved)
        return exceeded(Reason.MAX_DELTA, "max_delta", limits.max_delta_nanos, would_be, proposal)
    return _check_option(limits, proposal, change, exposure) if exposure.is_option else None


def _check_option(limits: Limits, proposal: Proposal, change: int, exposure: Exposure) -> Verdict | None:
    """What only options have."""
    position = exposure.position
    moved = scaled(change, exposure.unit_gamma_nanos)
    if leaves(exposure.gamma, moved, limits.max_gamma_nanos):
        would_be = exposure.gamma.after(moved)
        return exceeded(Reason.MAX_GAMMA, "max_gamma", limits.max_gamma_nanos, would_be, proposal)
    moved = scaled(change, exposure.unit_vega_nanos)
    if leaves(exposure.vega, moved, limits.max_vega_nanos):
        would_be = exposure.vega.after(moved)
        return exceeded(Reason.MAX_VEGA, "max_vega", limits.max_vega_nanos, would_be, proposal)
    would_be = exposure.others_nanos + position.farthest_after(change)
    if would_be > limits.max_exposure_nanos and not position.shrinks(change):
        return exceeded(Reason.MAX_EXPOSURE, "max_exposure", limits.max_exposure_nanos, would_be, proposal)
    return None


def leaves(span: Span, change: int, limit: int) -> bool:
    """Whether a change goes beyond the limit, and not towards zero."""
    after = span.low + change if change < 0 else span.high + change
    return not -limit <= after <= limit and change != 0 and not span.shrinks(change)


def check_self_cross(order: Proposal, flight: Flight, exposure: Exposure) -> Verdict | None:
    other_nanos = exposure.own_ask_nanos if order.side is Side.BUY else exposure.own_bid_nanos
    if other_nanos == NO_PRICE or (flight.price_nanos - other_nanos) * order.side < 0:
        return None
    return Verdict(
        Reason.SELF_CROSS, f"our own {Side(-order.side).word} at {shown(other_nanos)} USD would trade with it ({order})"
    )


def check_open(limits: Limits, order: Proposal, flight: Flight, exposure: Exposure) -> Verdict | None:
    """How many orders may live, and how much all of them may trade."""
    if reduces(flight, exposure):
        return None
    count = exposure.open_orders + 1
    if count > limits.max_open_orders:
        return Verdict(
            Reason.MAX_OPEN_ORDERS,
            f"max_open_orders {limits.max_open_orders} exceeded, would be {count} ({order}): "
            "quote fewer instruments or raise risk.max_open_orders",
        )
    notional_e18 = exposure.open_notional_e18 + flight.notional_e18
    if notional_e18 > limits.max_open_notional_e18:
        return exceeded_usd(
            Reason.MAX_OPEN_NOTIONAL, "max_open_notional", limits.max_open_notional_e18, notional_e18, order
        )
    return None


def check_premium(limits: Limits, quote: Proposal, flight: Flight, exposure: Exposure) -> Verdict | None:
    if quote.side is Side.SELL:
        return None
    would_be = exposure.premium_e18 + flight.notional_e18
    if would_be <= limits.max_premium_e18:
        return None
    return Verdict(
        Reason.MAX_PREMIUM,
        f"max_premium {format_e18(limits.max_premium_e18)} exceeded, would be {format_e18(would_be)} "
        f"({quote}): quote fewer RFQs at once or raise risk.max_premium",
    )


def check_losses(
    limits: Limits, proposal: Proposal, flight: Flight, exposure: Exposure, losses: Losses, *, now_ns: int
) -> Verdict | None:
    """Once too much is lost, only what reduces risk may leave."""
    reason = lost_beyond(limits, losses, now_ns)
    if reason is Reason.OK or reduces(flight, exposure):
        return None
    is_daily = reason is Reason.MAX_DAILY_LOSS
    limit_e18 = limits.max_daily_loss_e18 if is_daily else limits.max_drawdown_e18
    lost_e18 = losses.today_e18(now_ns) if is_daily else losses.drawdown_e18
    return Verdict(
        reason,
        f"{reason} {format_e18(limit_e18)} exceeded, is {format_e18(lost_e18)} ({proposal}): "
        f"only what reduces risk may leave, or raise risk.{reason}",
    )


def lost_beyond(limits: Limits, losses: Losses, now_ns: int) -> Reason:
    """Which limit on losses is passed; OK when none is."""
    if losses.today_e18(now_ns) > limits.max_daily_loss_e18:
        return Reason.MAX_DAILY_LOSS
    return Reason.MAX_DRAWDOWN if losses.drawdown_e18 > limits.max_drawdown_e18 else Reason.OK


def reduces(flight: Flight, exposure: Exposure) -> bool:
    """Whether it takes risk away: less of the position, or with a future, which has no other Greek, of the delta."""
    change = flight.side * flight.amount_nanos
    if exposure.position.shrinks(change):
        return True
    return not exposure.is_option and exposure.delta.shrinks(scaled(change, exposure.unit_delta_nanos))


def shown(nanos: int) -> str:
    return format_e18(nanos * 10**9)  # what a refused order would lead to may not fit 64 bits


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns / NANOS:g}"


def _inside(proposal: Proposal, anchor_nanos: int, anchor: str, share_nanos: int, least_nanos: int) -> Verdict | None:
    band = max(anchor_nanos * share_nanos // NANOS, least_nanos)
    worst = anchor_nanos + proposal.side * band
    if (proposal.price_nanos - worst) * proposal.side <= 0:
        return None
    key = "price_band_bps" if anchor == "mark" else "fair_band_bps"
    return Verdict(
        Reason.PRICE_BAND,
        f"price band: worst allowed is {shown(worst)} at {anchor} {shown(anchor_nanos)} ({proposal}): "
        f"check the price or raise risk.{key}",
    )


def exceeded(reason: Reason, limit: str, value: int, would_be: int, proposal: Proposal) -> Verdict:
    return Verdict(
        reason,
        f"{limit} {shown(value)} exceeded, would be {shown(would_be)} ({proposal}): lower --size or raise risk.{limit}",
    )


def exceeded_usd(reason: Reason, limit: str, value_e18: int, would_be_e18: int, proposal: Proposal) -> Verdict:
    return Verdict(
        reason,
        f"{limit} {format_e18(value_e18)} exceeded, would be {format_e18(would_be_e18)} ({proposal}): "
        f"lower --size or raise risk.{limit}",
    )
