"""What the gate asks of a structure: each leg by itself, then all of them together, since all of them trade or none.

Position and price are a leg's own; the Greeks of the whole are its legs' net, on top of whatever else is in flight.
"""

from collections.abc import Sequence

import msgspec

from atomizer.domain.reasons import Reason, Verdict
from atomizer.domain.trading import Mark
from atomizer.risk.exposure import Exposure, Span
from atomizer.risk.greeks import scaled
from atomizer.risk.limits import Limits
from atomizer.risk.losses import Losses
from atomizer.risk.rules import (
    Flight,
    Proposal,
    check_band,
    check_losses,
    check_signature,
    check_size,
    exceeded,
    exceeded_usd,
    flight_of,
    leaves,
)


class StructureLeg(msgspec.Struct, frozen=True):
    """One leg of a quote; `exposure` is measured for its instrument and holds no leg of this quote."""

    proposal: Proposal
    mark: Mark | None
    exposure: Exposure | Verdict

    @property
    def flight(self) -> Flight:
        return flight_of(self.proposal, self.mark)


class _Weighed(msgspec.Struct, frozen=True):
    """A leg whose exposure is known."""

    proposal: Proposal
    flight: Flight
    exposure: Exposure

    @property
    def change(self) -> int:
        return self.flight.side * self.flight.amount_nanos

    @property
    def coin(self) -> str:
        return self.flight.instrument.partition("-")[0].partition("_")[0]


def check_structure(limits: Limits, legs: Sequence[StructureLeg], losses: Losses, now_ns: int) -> Verdict | None:
    """Why a quote of all these legs may not leave; None when it may."""
    weighed: list[_Weighed] = []
    for leg in legs:
        flight = leg.flight
        refusal = (
            check_size(limits, leg.proposal, flight)
            or check_band(limits, leg.proposal, leg.mark, 0, now_ns)
            or check_signature(limits, leg.proposal, leg.mark)
        )
        if refusal is not None:
            return refusal
        if isinstance(leg.exposure, Verdict):
            return leg.exposure
        weighed.append(_Weighed(leg.proposal, flight, leg.exposure))
    by_coin: dict[str, list[_Weighed]] = {}
    for each in weighed:
        by_coin.setdefault(each.coin, []).append(each)
    return (
        _check_money(limits, weighed)
        or next(filter(None, (_check_positions(limits, each) for each in weighed)), None)
        or next(filter(None, (_check_net(limits, several) for several in by_coin.values())), None)
        or next(filter(None, (_check_losses(limits, each, losses, now_ns) for each in weighed)), None)
    )


def _check_money(limits: Limits, legs: Sequence[_Weighed]) -> Verdict | None:
    notional_e18 = sum(leg.flight.notional_e18 for leg in legs)
    if notional_e18 > limits.max_order_notional_e18:
        limit_e18 = limits.max_order_notional_e18
        return exceeded_usd(Reason.MAX_NOTIONAL, "max_order_notional", limit_e18, notional_e18, legs[0].proposal)
    cost_e18 = sum(leg.flight.side * leg.flight.notional_e18 for leg in legs)
    premium_e18 = legs[0].exposure.premium_e18 + cost_e18
    if cost_e18 > 0 and premium_e18 > limits.max_premium_e18:
        limit_e18 = limits.max_premium_e18
        return exceeded_usd(Reason.MAX_PREMIUM, "max_premium", limit_e18, premium_e18, legs[0].proposal)
    return None


def _check_positions(limits: Limits, leg: _Weighed) -> Verdict | None:
    position = leg.exposure.position
    if leaves(position, leg.change, limits.max_position_nanos):
        would_be = position.after(leg.change)
        return exceeded(Reason.MAX_POSITION, "max_position", limits.max_position_nanos, would_be, leg.proposal)
    return None


def _check_net(limits: Limits, legs: Sequence[_Weighed]) -> Verdict | None:
    """The Greeks of these legs of one coin, net, and the options that they add up to."""
    exposure = legs[0].exposure
    greeks = (
        (Reason.MAX_DELTA, "max_delta", limits.max_delta_nanos, exposure.delta, "unit_delta_nanos"),
        (Reason.MAX_GAMMA, "max_gamma", limits.max_gamma_nanos, exposure.gamma, "unit_gamma_nanos"),
        (Reason.MAX_VEGA, "max_vega", limits.max_vega_nanos, exposure.vega, "unit_vega_nanos"),
    )
    for reason, limit, value, span, unit in greeks:
        moved = sum(scaled(leg.change, getattr(leg.exposure, unit)) for leg in legs)
        if leaves(span, moved, value):
            return exceeded(reason, limit, value, span.after(moved), legs[0].proposal)
    return _check_exposure(limits, [leg for leg in legs if leg.exposure.is_option])


def _check_exposure(limits: Limits, options: Sequence[_Weighed]) -> Verdict | None:
    if not options or all(leg.exposure.position.shrinks(leg.change) for leg in options):
        return None
    first = options[0].exposure
    would_be = (
        first.others_nanos
        + first.position.farthest_after(0)
        + sum(_grown(leg.exposure.position, leg.change) for leg in options)
    )
    if would_be > limits.max_exposure_nanos:
        limit = limits.max_exposure_nanos
        return exceeded(Reason.MAX_EXPOSURE, "max_exposure", limit, would_be, options[0].proposal)
    return None


def _grown(position: Span, change: int) -> int:
    return position.farthest_after(change) - position.farthest_after(0)


def _check_losses(limits: Limits, leg: _Weighed, losses: Losses, now_ns: int) -> Verdict | None:
    return check_losses(limits, leg.proposal, leg.flight, leg.exposure, losses, now_ns=now_ns)
