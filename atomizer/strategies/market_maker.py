"""Continuous quotes: what we want to show of each instrument, as a pure function of what is known.

A strategy does not follow every tick. It answers a `Rule` for each instrument, which says how quotes hang on the market
(`_core.quote` is the arithmetic), and it is asked again when something changes that a rule cannot know: a position, a
mark, a limit. Between two answers the compiled lane keeps the orders where the rules want them, tick by tick.

The shipped strategy is the guide's: "Quote prices", with sizes cut to what the limits leave room for.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from atomizer.domain.instruments import NANOS, Instrument
from atomizer.domain.trading import Mark, Side
from atomizer.strategies.market_maker_skew import NetGreeks, SkewParams, skew_nanos, tapered
from atomizer.strategies.market_maker_spread import Conditions, SpreadParams, widening

BPS: Final = 10_000


class Rule(msgspec.Struct, frozen=True):
    """How the quotes of one instrument hang on its market. Sizes in nanos of a unit; 0 shows nothing on that side.

    A share is nanos of a whole (NANOS is all of it), here of mid. The fields are those of `_core.quote.QuoteParams`.
    """

    aggression_nanos: int
    improvement_nanos: int
    reference_size_nanos: int
    spread_share_nanos: int
    min_spread_share_nanos: int
    bid_size_nanos: int
    ask_size_nanos: int
    widen_nanos: int = NANOS  # the finished spread, stretched round its own middle: NANOS leaves it
    skew_nanos: int = 0  # USD, signed, added to both prices
    is_round_fair: bool = False  # round our own fair value, with the book as if it were empty


class Seen(msgspec.Struct, frozen=True):
    """One instrument as it is known now."""

    instrument: Instrument
    mark: Mark | None
    position_nanos: int  # signed
    depth_nanos: int = 0  # all levels of both sides that the book shows, without ours
    index_iv: float = 0.0  # the venue's volatility index of the coin, a fraction a year; 0 where there is none


class View(msgspec.Struct, frozen=True):
    """All that a strategy may look at."""

    now_ns: int
    seen: Mapping[str, Seen]  # by name: the instruments to quote
    net: Mapping[str, NetGreeks] = {}  # by underlying, of everything held; left out where a Greek is not known
    moves: Mapping[str, float] = {}  # by underlying: share by which the index moved within the window


Strategy = Callable[[View], Mapping[str, Rule]]
"""What to show of each instrument; nothing is shown of one that is left out. Pure: the same view, the same answer."""


class MakerParams(msgspec.Struct, frozen=True, kw_only=True):
    """The guide's parameters, in the units of a rule."""

    aggression_nanos: int
    improvement_nanos: int
    reference_size_nanos: int
    spread_share_nanos: int
    min_spread_share_nanos: int
    size_nanos: int
    shows_bids: bool = True
    shows_asks: bool = True
    is_round_fair: bool = False
    max_position_nanos: int = 1  # per instrument, for the taper
    taper_from: float = 1.0  # share of it from which on sizes taper; 1 is off
    spread: SpreadParams = SpreadParams()
    skew: SkewParams = SkewParams()


class MarketMaker:
    """The guide's market maker, as a strategy: one plain rule, wider in danger, and shifted against what is held."""

    def __init__(self, params: MakerParams) -> None:
        self._spread = params.spread
        self._skew = params.skew
        self._params = params
        self._plain = Rule(
            aggression_nanos=params.aggression_nanos,
            improvement_nanos=params.improvement_nanos,
            reference_size_nanos=params.reference_size_nanos,
            spread_share_nanos=params.spread_share_nanos,
            min_spread_share_nanos=params.min_spread_share_nanos,
            bid_size_nanos=params.size_nanos if params.shows_bids else 0,
            ask_size_nanos=params.size_nanos if params.shows_asks else 0,
            is_round_fair=params.is_round_fair,
        )
        spread = params.spread
        self._is_adjusted = (
            any((spread.iv, spread.move, spread.thin, spread.short, params.skew.aversion)) or params.taper_from < 1.0
        )

    def __call__(self, view: View) -> Mapping[str, Rule]:
        return {name: self._adjusted(view, seen) for name, seen in view.seen.items()}

    def _adjusted(self, view: View, seen: Seen) -> Rule:
        mark, contract = seen.mark, seen.instrument.contract
        if mark is None:
            return self._plain  # the gate lets nothing out without a mark
        if not self._is_adjusted and not seen.instrument.is_inverse:
            return self._plain
        left_s = contract.expiry_s - view.now_ns / NANOS if contract.is_option else self._spread.near_s
        move = view.moves.get(contract.underlying, 0.0)
        factor = widening(self._spread, Conditions(max(mark.iv, seen.index_iv), move, seen.depth_nanos, left_s))
        skew = 0
        if self._skew.aversion:
            skew = skew_nanos(self._skew, view.net.get(contract.underlying, NetGreeks()), mark)
        return msgspec.structs.replace(
            self._plain,
            improvement_nanos=_in_currency(self._plain.improvement_nanos, seen.instrument, mark),
            widen_nanos=round(factor * NANOS),
            skew_nanos=skew,
            bid_size_nanos=self._size(seen, Side.BUY),
            ask_size_nanos=self._size(seen, Side.SELL),
        )

    def _size(self, seen: Seen, side: Side) -> int:
        """What a side shows, less of it where it makes a large position larger."""
        plain = self._plain.bid_size_nanos if side is Side.BUY else self._plain.ask_size_nanos
        params, position_nanos = self._params, side * seen.position_nanos
        size = tapered(plain, position_nanos, params.max_position_nanos, params.taper_from)
        if size == plain or position_nanos >= params.max_position_nanos:
            return plain  # whole, or the limit's own to cut
        return whole_lots(size, seen.instrument) or min(plain, seen.instrument.min_amount_nanos)


def _in_currency(usd_nanos: int, instrument: Instrument, mark: Mark) -> int:
    """USD in what the instrument is priced in, rounded down."""
    if not instrument.is_inverse:
        return usd_nanos
    return usd_nanos * NANOS // mark.index_nanos if mark.index_nanos > 0 else 0


def share_of_bps(bps_nanos: int) -> int:
    """Basis points in nanos → a share: 10 bps is a thousandth."""
    return bps_nanos // BPS


def whole_lots(size_nanos: int, instrument: Instrument) -> int:
    """The largest amount up to this that the venue takes as an order; 0 when it takes none."""
    size_nanos = min(size_nanos, instrument.max_amount_nanos)
    size_nanos -= size_nanos % instrument.lot_nanos
    return size_nanos if size_nanos >= max(instrument.min_amount_nanos, 1) else 0
