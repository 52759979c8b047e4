"""How the venue sees one instrument now, and how the market's USD prices become prices of its instruments.

The market quotes present values in USD per coin. An inverse option's price is that divided by the discount and the
forward, a linear one's divided by the discount; a dated future's is the perpetual's, moved by the forward.
"""

from dataclasses import dataclass
from decimal import Decimal

from atomizer.sim.deribit import pricing
from atomizer.sim.deribit.instruments import Instrument, Limits
from atomizer.sim.deribit.pricing import Greeks, Option
from atomizer.sim.deribit.units import NANOS, NS_PER_S, YEAR_NS, to_nanos
from atomizer.sim.market import Market, MarketState

_FUTURE_GREEKS = Greeks(1.0, 0.0, 0.0, 0.0, 0.0)
_MARK_PLACES = {"inverse option": 6, "linear option": 4, "future": 2}
_NOTHING = 0.0


@dataclass(frozen=True, slots=True)
class View:
    """Prices in nanos, `forward` and `index` in USD; `iv` is a fraction. A future has `iv` 0.0 and no `option`."""

    mark: int
    index: int
    forward: int
    iv: float
    greeks: Greeks
    limits: Limits
    option: Option | None
    scale: float  # the market's USD price x scale = the instrument's price


class Quotation:
    """The views of all instruments, each made once a market step."""

    def __init__(self, market: Market, instruments: dict[str, Instrument]) -> None:
        self._market = market
        self._views: dict[str, View] = {}
        self._made_ns = -1
        self._expiries = {
            (item.base, item.expiry_s): item.listing.name for item in instruments.values() if item.is_option
        }

    def view(self, instrument: Instrument) -> View:
        if self._made_ns != self._market.now_ns:
            self._made_ns = self._market.now_ns
            self._views.clear()
        found = self._views.get(instrument.name)
        if found is None:
            found = self._option(instrument) if instrument.is_option else self._future(instrument)
            self._views[instrument.name] = found
        return found

    def index(self, base: str) -> int:
        return to_nanos(self._market.spot(base))

    def price(self, instrument: Instrument, usd: Decimal, *, up: bool) -> int:
        """A market price on the instrument's grid; 0 where it rounds to nothing."""
        return instrument.rounded(int(float(usd) * self.view(instrument).scale * NANOS), up=up)

    def amount(self, instrument: Instrument, coins: Decimal, usd: Decimal) -> int:
        """A market amount in whole lots, at least one."""
        lot = instrument.rules.lot
        exact = float(coins * usd if instrument.is_in_usd else coins) * NANOS
        return max(round(exact / lot), 1) * lot

    def implied(self, instrument: Instrument, price: int | None) -> float:
        """Volatility of a price of an option as a fraction; 0.0 without a price, and for a future."""
        view = self.view(instrument)
        if view.option is None or not price:
            return _NOTHING
        usd = price / NANOS * (1.0 if instrument.is_linear else view.option.forward)
        return pricing.implied_volatility(view.option, usd, view.iv)

    def _option(self, instrument: Instrument) -> View:
        state = self._market.state(instrument.listing.name)
        years = (instrument.expiry_s * NS_PER_S - self._market.now_ns) / YEAR_NS
        forward = float(state.forward)
        item = pricing.option(forward, instrument.strike / NANOS, years, is_call=instrument.is_call)
        unit = 1.0 if instrument.is_linear else forward
        places = _MARK_PLACES["linear option" if instrument.is_linear else "inverse option"]
        mark = _nanos(pricing.price(item, state.iv) / unit, places)
        return View(
            mark=mark,
            index=to_nanos(state.index),
            forward=to_nanos(state.forward),
            iv=state.iv,
            greeks=pricing.greeks(item, state.iv),
            limits=instrument.limits(mark, to_nanos(state.forward)),
            option=item,
            scale=1.0 / (unit * state.discount),
        )

    def _future(self, instrument: Instrument) -> View:
        perpetual = self._market.state(instrument.listing.name)
        scale = self._carry(instrument, perpetual)
        mark = _nanos(float(perpetual.mark) * scale, _MARK_PLACES["future"])
        index = to_nanos(perpetual.index)
        return View(mark, index, mark, _NOTHING, _FUTURE_GREEKS, instrument.limits(mark, mark), None, scale)

    def _carry(self, instrument: Instrument, perpetual: MarketState) -> float:
        """A dated future over the perpetual."""
        if not instrument.expiry_s:
            return 1.0
        forward = self._market.state(self._expiries[instrument.base, instrument.expiry_s]).forward
        return float(forward / perpetual.mark)


def _nanos(value: float, places: int) -> int:
    return round(round(value, places) * NANOS)
