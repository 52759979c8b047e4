"""The takers of the Rysk market: who asks for a price, for what and how much."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from math import exp, sqrt

import numpy as np

from atomizer.sim.market.black76 import YEAR_NS, price_and_delta
from atomizer.sim.market.events import RfqArrival
from atomizer.sim.market.listing import RyskAsset
from atomizer.sim.market.makers import Makers
from atomizer.sim.market.rivals import draw_reserve, draw_rivals, hedge_price

_MAIN_CHAIN = 84_532  # Base Sepolia
_OTHER_CHAINS_SHARE = 0.08  # mostly assets that no hedge venue lists
_WRAPPED = {"WETH": 6.0, "WBTC": 4.0}  # how often these are asked for, against 1 for each staked or bridged form
_PUT_SHARE = 0.35
_TAKER_BUY_SHARE = 0.15
_OFF_BOARD_SHARE = 0.1
_HALF = 0.5
_SIZE_POWER = 3  # bends a uniform draw of the quantity towards the smallest
_TAKERS = 40
_DELTAS = (0.04, 0.55)  # people write options out of the money, and not for nothing
_SHORTEST_NS = 3600 * 1_000_000_000
_QUANTITY_GRID = Decimal("0.01")
_DAY_S = 86_400
_FRIDAY, _EXPIRY_HOUR_UTC = 4, 8
_UNHEDGED_VOLATILITY = 0.95  # of assets without a smile here
_UNHEDGED_DISTANCE = (0.1, 1.2)  # of their strikes from the money, in deviations


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is asked for. `index` is its place on the board, None when the board does not have it."""

    expiry_s: int
    strike: Decimal
    fair: float
    index: int | None


class Rfqs:
    """RFQs arriving at random, `interval_s` apart on average."""

    def __init__(
        self, makers: Makers, assets: tuple[RyskAsset, ...], seed: np.random.SeedSequence, *, interval_s: float
    ) -> None:
        self._makers = makers
        self._valuation = makers.valuation
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._interval_ns = interval_s * 1e9
        self._main = [asset for asset in assets if asset.chain_id == _MAIN_CHAIN]
        self._others = [asset for asset in assets if asset.chain_id != _MAIN_CHAIN]
        weights = np.array([_WRAPPED.get(asset.symbol, 1.0) for asset in self._main])
        self._shares = weights / weights.sum()
        self._takers = ["0x" + self._rng.bytes(20).hex() for _ in range(_TAKERS)]
        self._expiries = {(slot.underlying, slot.expiry_s) for slot in self._valuation.slots}
        self._next_ns: int | None = None

    def _wait_ns(self) -> int:
        return int(float(self._rng.exponential()) * self._interval_ns)

    def step(self, now_ns: int) -> list[RfqArrival]:
        """What arrived up to `now_ns`, since the step before; the first step starts the clock."""
        if self._next_ns is None:
            self._next_ns = now_ns + self._wait_ns()
        arrivals = []
        while self._next_ns <= now_ns:
            if (arrival := self._arrival(now_ns)) is not None:
                arrivals.append(arrival)
            self._next_ns += self._wait_ns()
        return arrivals

    def _arrival(self, now_ns: int) -> RfqArrival | None:
        """One RFQ; None when nothing that its taker wants is listed any more."""
        rng, asset = self._rng, self._asset()
        put_draw, buy_draw, size_draw = rng.random(3).tolist()
        is_put, is_taker_buy = put_draw < _PUT_SHARE, buy_draw < _TAKER_BUY_SHARE
        terms = self._terms(asset, is_put=is_put, now_ns=now_ns)
        if terms is None:
            return None
        room = float(asset.max_trade_size - asset.min_trade_size) * size_draw**_SIZE_POWER
        quantity = asset.min_trade_size + Decimal(room).quantize(_QUANTITY_GRID, rounding=ROUND_FLOOR)
        hedge = self._hedge(terms, quantity, asset.underlying, is_taker_buy=is_taker_buy)
        return RfqArrival(
            now_ns=now_ns,
            rfq_id=str(uuid.UUID(bytes=rng.bytes(16), version=4)),
            chain_id=asset.chain_id,
            asset=asset.address,
            symbol=asset.symbol,
            underlying=asset.underlying,
            expiry_s=terms.expiry_s,
            strike=terms.strike,
            is_put=is_put,
            quantity=quantity,
            is_taker_buy=is_taker_buy,
            taker=self._takers[int(rng.integers(_TAKERS))],
            usd=asset.usd,
            collateral=asset.usd if is_put else asset.address,
            rivals=draw_rivals(rng, hedge, is_taker_buy=is_taker_buy),
            reserve=draw_reserve(rng, hedge, is_taker_buy=is_taker_buy),
        )

    def _asset(self) -> RyskAsset:
        if self._rng.random() < _OTHER_CHAINS_SHARE:
            return self._others[int(self._rng.integers(len(self._others)))]
        return self._main[int(self._rng.choice(len(self._main), p=self._shares))]

    def _hedge(self, terms: _Terms, quantity: Decimal, underlying: str, *, is_taker_buy: bool) -> float:
        """What the makers' books pay (or ask); fair value where they show nothing or do not list it."""
        if terms.index is None:
            return terms.fair
        levels = self._makers.levels(terms.index, is_bid=not is_taker_buy)
        spot = float(self._valuation.spot(underlying))
        hedge = hedge_price(levels, quantity, spot, is_taker_buy=is_taker_buy)
        return terms.fair if hedge is None else hedge

    def _terms(self, asset: RyskAsset, *, is_put: bool, now_ns: int) -> _Terms | None:
        valuation = self._valuation
        if not any(asset.underlying == underlying for underlying, _ in self._expiries):
            return self._unhedged_terms(asset, is_put=is_put, now_ns=now_ns)
        kind = "P" if is_put else "C"
        low, high = _DELTAS
        candidates = [
            index
            for index, (listing, delta) in enumerate(zip(valuation.listings, valuation.delta.tolist(), strict=True))
            if listing.underlying == asset.underlying
            and listing.option_type == kind
            and listing.expiry_s * 1_000_000_000 > now_ns + _SHORTEST_NS
            and low < abs(delta) < high
        ]
        if not candidates:
            return None
        index = candidates[int(self._rng.integers(len(candidates)))]
        if self._rng.random() < _OFF_BOARD_SHARE:
            return self._off_board_terms(index)
        listing = valuation.listings[index]
        return _Terms(listing.expiry_s, listing.strike, float(valuation.fair[index]), index)

    def _off_board_terms(self, index: int) -> _Terms:
        """Something near the listed option that is not listed itself: by its expiry or by its strike."""
        listing, fair = self._valuation.listings[index], float(self._valuation.fair[index])
        if self._rng.random() < _HALF:
            expiry_s = listing.expiry_s + _DAY_S
            while (listing.underlying, expiry_s) in self._expiries:
                expiry_s += _DAY_S
            return _Terms(expiry_s, listing.strike, fair, None)
        return _Terms(listing.expiry_s, self._valuation.strike_between(index), fair, None)

    def _unhedged_terms(self, asset: RyskAsset, *, is_put: bool, now_ns: int) -> _Terms:
        """The Friday after next week's start, at the recorded price and a flat volatility."""
        today = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)
        friday = today.replace(hour=_EXPIRY_HOUR_UTC, minute=0, second=0, microsecond=0)
        friday += timedelta(days=7 + (_FRIDAY - friday.weekday()) % 7)
        expiry_s = int(friday.timestamp())
        deviation = _UNHEDGED_VOLATILITY * sqrt((expiry_s * 1_000_000_000 - now_ns) / YEAR_NS)
        spot = float(asset.price)
        distance = float(self._rng.uniform(*_UNHEDGED_DISTANCE)) * deviation
        strike = Decimal(spot * exp(-distance if is_put else distance)).quantize(_QUANTITY_GRID)
        columns = np.array([spot]), np.array([float(strike)]), np.array([deviation])
        price, _, _ = price_and_delta(*columns, np.array([not is_put]))
        return _Terms(expiry_s, strike, float(price[0]), None)
