"""What every listed instrument is worth now: fair prices for the makers, marks and Greeks for the venue."""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from math import exp, pi, sqrt

import numpy as np

from atomizer.sim.market.black76 import YEAR_NS, Floats, price_and_delta
from atomizer.sim.market.board import expiries, option_listing, perpetual_listing, strikes
from atomizer.sim.market.figures import UNDERLYINGS, Figures
from atomizer.sim.market.listing import Listing, MarketState
from atomizer.sim.market.paths import Paths
from atomizer.sim.market.smile import shocked, slices_at, total_variance

_CENT = Decimal("0.01")
STRIKE_COUNTS = (9, 9, 11, 11, 11)  # by expiry
_SHORTEST_YEARS = 60 / (365 * 86_400)  # prices stay finite in an option's last minute
_DAYS = 365
_WIDEST_Z = 3.0  # deviations from the money to which the spread was fitted
_DEEP_POWER = 6  # |delta| to this power brings in the spread of deep options: none at the money, all at delta 1


@dataclass(frozen=True, slots=True)
class Slot:
    """One (underlying, expiry) and where its options stand in the arrays."""

    underlying: str
    expiry_s: int
    first: int
    end: int


class Valuation:
    """Arrays over all instruments, options first, slot by slot, then the perpetuals.

    fair: present value in USD (perpetuals: index and basis). delta, vega per volatility point. half_spread: half
    of the best bid-ask spread that the recorded books show at this moneyness and tenor, in USD.
    """

    def __init__(self, figures: dict[str, Figures], start_ns: int) -> None:
        self._figures = figures
        self.listings: list[Listing] = []
        self.slots: list[Slot] = []
        for underlying in UNDERLYINGS:
            self._list_options(underlying, start_ns)
        self.option_count = len(self.listings)
        self.listings += [perpetual_listing(underlying) for underlying in UNDERLYINGS]
        options = self.listings[: self.option_count]
        self._strike = np.array([float(listing.strike) for listing in options])
        self._is_call = np.array([listing.option_type == "C" for listing in options])
        self._sizes = [slot.end - slot.first for slot in self.slots]
        self.tick = np.array([float(listing.tick) for listing in self.listings])
        count = len(self.listings)
        self.fair, self.delta, self.half_spread = np.zeros(count), np.zeros(count), np.zeros(count)
        self.iv, self.vega, self._d1 = (np.zeros(self.option_count) for _ in range(3))
        self._spread = self._spread_columns()
        self._perp_half = np.array([0.5 * float(listing.tick) for listing in self.listings[self.option_count :]])

    def _list_options(self, underlying: str, start_ns: int) -> None:
        figures = self._figures[underlying]
        for expiry_s, count in zip(expiries(start_ns // 1_000_000_000), STRIKE_COUNTS, strict=True):
            years = (expiry_s * 1_000_000_000 - start_ns) / YEAR_NS
            forward = figures.spot * exp(float(np.interp(years, figures.years, figures.carry)) * years)
            total_sd = sqrt(float(slices_at(figures, np.array([years]))[0][0]))
            first = len(self.listings)
            for strike in strikes(underlying, forward, total_sd, count):
                self.listings += [option_listing(underlying, expiry_s, strike, kind) for kind in ("C", "P")]
            self.slots.append(Slot(underlying, expiry_s, first, len(self.listings)))

    def update(self, now_ns: int, paths: Paths) -> None:
        """Value everything at `now_ns`. An expired option keeps the value of its last minute's formula."""
        self._update_slots(now_ns, paths)
        forward = np.repeat(self._forward, self._sizes)
        log_moneyness = np.log(self._strike / forward)
        slices = tuple(np.repeat(column, self._sizes) for column in self._slices)
        variance = total_variance((slices[0], slices[1], slices[2]), log_moneyness)
        total_sd = np.sqrt(variance)
        years = np.repeat(self._years, self._sizes)
        options = slice(0, self.option_count)
        self.iv = np.sqrt(variance / years)
        price, self.delta[options], self._d1 = price_and_delta(forward, self._strike, total_sd, self._is_call)
        self.fair[options] = price * np.repeat(self._discount, self._sizes)
        self.vega = 0.01 * forward * np.exp(-0.5 * self._d1**2) * np.sqrt(years / (2 * pi))
        self._spread_options(log_moneyness / total_sd, years, forward)
        for index, underlying in enumerate(UNDERLYINGS, start=self.option_count):
            state = paths.states[underlying]
            self.fair[index] = state.spot * (1 + state.basis)
            self.delta[index] = 1.0
        self.half_spread[self.option_count :] = self._perp_half

    def _update_slots(self, now_ns: int, paths: Paths) -> None:
        self._spot = {name: state.spot for name, state in paths.states.items()}
        years = np.array([(slot.expiry_s * 1_000_000_000 - now_ns) / YEAR_NS for slot in self.slots])
        self._years = np.maximum(years, _SHORTEST_YEARS)
        forwards, discounts, thetas, rhos, psis = [], [], [], [], []
        per_underlying = len(self.slots) // len(UNDERLYINGS)
        for index, underlying in enumerate(UNDERLYINGS):
            figures, state = self._figures[underlying], paths.states[underlying]
            own_years = self._years[index * per_underlying : (index + 1) * per_underlying]
            carry = np.exp(np.interp(own_years, figures.years, figures.carry) * own_years)
            forwards.append(state.spot * carry)
            # Derive's captured marks are discounted at the carry, to 0.2 % a year.
            discounts.append(np.minimum(1.0 / carry, 1.0))
            theta, rho, psi = shocked(slices_at(figures, own_years), own_years, state.level, state.skew)
            thetas.append(theta)
            rhos.append(rho)
            psis.append(psi)
        self._forward, self._discount = np.concatenate(forwards), np.concatenate(discounts)
        self._slices = np.concatenate(thetas), np.concatenate(rhos), np.concatenate(psis)

    def _spread_columns(self) -> dict[str, Floats]:
        """The fitted spread's coefficients for each option."""
        rules = [self._figures[listing.underlying].spread for listing in self.listings[: self.option_count]]
        return {name: np.array([rule[name] for rule in rules]) for name in rules[0]}

    def _spread_options(self, z: Floats, years: Floats, forward: Floats) -> None:
        """Half of the best spread: fitted in volatility and turned into USD by vega; deep in the money, where vega says
        nothing, a share of the forward; at least half a tick.
        """
        fit, options = self._spread, slice(0, self.option_count)
        z = np.clip(z, -_WIDEST_Z, _WIDEST_Z)
        logarithm = fit["constant"] + fit["log_years"] * np.log(years) + fit["z"] * z + fit["z_squared"] * z * z
        quoted = 100 * fit["venue_factor"] * np.exp(logarithm) * self.vega
        deep = 1e-4 * fit["deep_bps"] * forward * self.delta[options] ** _DEEP_POWER
        self.half_spread[options] = 0.5 * np.maximum(np.maximum(quoted, deep), self.tick[options])

    def state(self, index: int) -> MarketState:
        """The venue's view of one instrument, to the digits that Derive publishes."""
        listing = self.listings[index]
        spot = _money(self._spot[listing.underlying], _CENT)
        if listing.kind == "perp":
            mark = _money(float(self.fair[index]), Decimal("0.0001"))
            return MarketState(mark, spot, mark, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
        slot = next(number for number, slot in enumerate(self.slots) if slot.first <= index < slot.end)
        forward, years, discount = float(self._forward[slot]), float(self._years[slot]), float(self._discount[slot])
        iv, vega = float(self.iv[index]), float(self.vega[index])
        # Derive floors option marks to the tick (2026-09 table: 365.92 is shown as 365).
        ticks = int(float(self.fair[index]) / float(listing.tick))
        mark = ticks * listing.tick
        return MarketState(
            mark=mark,
            index=spot,
            forward=_money(forward, _CENT),
            iv=round(iv, 5),
            delta=round(float(self.delta[index]), 5),
            gamma=round(vega * 100 / (forward * forward * iv * years), 8),
            vega=round(vega, 5),
            theta=round(-vega * 100 * iv / (2 * years * _DAYS), 5),
            rho=round(float(mark) * years, 5),
            discount=round(discount, 6),
        )

    def strike_between(self, index: int) -> Decimal:
        """A strike that is not listed, half way from this option's to a neighbour's."""
        strike = self.listings[index].strike
        slot = next(slot for slot in self.slots if slot.first <= index < slot.end)
        neighbour = index + 2 if index + 2 < slot.end else index - 2  # calls and puts alternate
        return (strike + self.listings[neighbour].strike) / 2

    def spot(self, underlying: str) -> Decimal:
        return _money(self._spot[underlying], _CENT)


def _money(value: float, grid: Decimal) -> Decimal:
    return Decimal(value).quantize(grid, rounding=ROUND_FLOOR)
