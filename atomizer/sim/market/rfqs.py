"""RFQs of the Rysk makers' market: who asks for what, what the rivals would pay, and what the taker expects.

Rivals price as a maker with a hedge does: what the hedge venue's book pays for the quantity, less an edge drawn for each.
"""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import exp, sqrt

import numpy as np

from atomizer.sim.market.black76 import YEAR_NS, price_and_delta
from atomizer.sim.market.events import RfqArrival, Rival
from atomizer.sim.market.figures import UNDERLYINGS
from atomizer.sim.market.listing import RyskAsset
from atomizer.sim.market.makers import Makers
from atomizer.sim.market.valuation import Valuation

_MAIN_CHAIN = 84_532
_FOREIGN_SHARE = 0.08  # on chains whose assets have no hedge market here, or the same assets elsewhere
_WRAPPED = {"WETH": 6.0, "WBTC": 4.0}  # weight against 1 for each of the others
_PUT_SHARE = 0.35
_TAKER_BUY_SHARE = 0.15
_OFF_BOARD_SHARE = 0.12
_TAKERS = 40
_RIVAL_COUNTS = (1, 2, 2, 3, 3, 4)
_PRICE_GRID = Decimal("0.0001")
_QUANTITY_GRID = Decimal("0.01")
_EDGE_LOG_MEDIAN, _EDGE_LOG_SD = -3.35, 0.7  # a rival's least edge as a share of the hedge price: about 3.5 %
_NO_HEDGE_VOLATILITY = 0.95


class Rfqs:
    def __init__(
        self,
        valuation: Valuation,
        makers: Makers,
        assets: tuple[RyskAsset, ...],
        start_ns: int,
        interval_s: float,
        seed: np.random.SeedSequence,
    ) -> None:
        self._valuation = valuation
        self._makers = makers
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._interval_ns = interval_s * 1e9
        self._main = [asset for asset in assets if asset.chain_id == _MAIN_CHAIN]
        self._foreign = [asset for asset in assets if asset.chain_id != _MAIN_CHAIN]
        weights = np.array([_WRAPPED.get(asset.symbol, 1.0) for asset in self._main])
        self._cumulative = np.cumsum(weights / weights.sum()).tolist()
        self._wallets = ["0x" + self._rng.bytes(20).hex() for _ in range(_TAKERS)]
        self._next_ns = start_ns + self._wait_ns()

    def _wait_ns(self) -> int:
        return int(float(self._rng.exponential()) * self._interval_ns)

    def step(self, now_ns: int) -> list[RfqArrival]:
        arrivals = []
        while self._next_ns <= now_ns:
            arrival = self._arrival(now_ns)
            if arrival is not None:
                arrivals.append(arrival)
            self._next_ns += self._wait_ns()
        return arrivals

    def _asset(self) -> RyskAsset:
        where, which = self._rng.random(2).tolist()
        if where < _FOREIGN_SHARE:
            return self._foreign[int(which * len(self._foreign))]
        return next(asset for asset, edge in zip(self._main, self._cumulative, strict=True) if which <= edge)

    def _arrival(self, now_ns: int) -> RfqArrival | None:
        rng, asset = self._rng, self._asset()
        put_draw, buy_draw, off_draw, size_draw = rng.random(4).tolist()
        is_put, is_taker_buy = put_draw < _PUT_SHARE, buy_draw < _TAKER_BUY_SHARE
        terms = self._terms(asset, is_put=is_put, off_board=off_draw < _OFF_BOARD_SHARE, now_ns=now_ns)
        if terms is None:
            return None
        expiry_s, strike, index, fair = terms
        # Small trades are common: the cube bends the uniform draw towards the minimum.
        spread = float(asset.max_trade_size - asset.min_trade_size) * size_draw**3
        quantity = asset.min_trade_size + Decimal(spread).quantize(_QUANTITY_GRID, rounding=ROUND_FLOOR)
        hedge = fair if index is None else self._hedge_price(index, quantity, is_taker_buy=is_taker_buy, fair=fair)
        rivals = self._rivals(hedge, is_taker_buy=is_taker_buy)
        sign = 1 if is_taker_buy else -1
        reserve = _grid(max(fair * (1 + sign * float(rng.uniform(0.03, 0.25))), 0.0001), up=is_taker_buy)
        return RfqArrival(
            now_ns=now_ns,
            rfq_id=str(uuid.UUID(bytes=rng.bytes(16), version=4)),
            chain_id=asset.chain_id,
            asset=asset.address,
            symbol=asset.symbol,
            underlying=asset.underlying,
            expiry_s=expiry_s,
            strike=strike,
            is_put=is_put,
            quantity=quantity,
            is_taker_buy=is_taker_buy,
            taker=self._wallets[int(rng.integers(_TAKERS))],
            usd=asset.usd,
            collateral=asset.usd if is_put else asset.address,
            rivals=rivals,
            reserve=reserve,
        )

    def _terms(
        self, asset: RyskAsset, *, is_put: bool, off_board: bool, now_ns: int
    ) -> tuple[int, Decimal, int | None, float] | None:
        """(expiry, strike, index on the board or None, fair value); None when nothing sensible is listed."""
        if asset.underlying not in UNDERLYINGS:
            return self._foreign_terms(asset, is_put=is_put, now_ns=now_ns)
        kind = "P" if is_put else "C"
        # Covered calls and cash-secured puts are written out of the money, not too far.
        candidates = [
            index
            for index, listing in enumerate(self._valuation.listings[: self._valuation.option_count])
            if listing.underlying == asset.underlying
            and listing.option_type == kind
            and listing.expiry_s * 1_000_000_000 > now_ns + 3_600_000_000_000
            and 0.04 < abs(float(self._valuation.delta[index])) < 0.55  # noqa: PLR2004
        ]
        if not candidates:
            return None
        index = candidates[int(self._rng.integers(len(candidates)))]
        listing = self._valuation.listings[index]
        fair = float(self._valuation.fair[index])
        if not off_board:
            return listing.expiry_s, listing.strike, index, fair
        if self._rng.random() < 0.5:  # noqa: PLR2004  off the board by expiry or by strike
            return listing.expiry_s + 14 * 86_400, listing.strike, None, fair
        return listing.expiry_s, listing.strike + Decimal("2.5"), None, fair

    def _foreign_terms(self, asset: RyskAsset, *, is_put: bool, now_ns: int) -> tuple[int, Decimal, None, float]:
        day = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).replace(hour=8, minute=0, second=0, microsecond=0)
        friday = day + timedelta(days=(4 - day.weekday()) % 7 + 7)
        years = (friday.timestamp() - now_ns / 1e9) * 1e9 / YEAR_NS
        sd = _NO_HEDGE_VOLATILITY * sqrt(years)
        spot = float(asset.price)
        distance = float(self._rng.uniform(0.1, 1.2)) * sd
        strike = Decimal(spot * exp(-distance if is_put else distance)).quantize(Decimal("0.01"))
        fair, _, _ = price_and_delta(
            np.array([spot]), np.array([float(strike)]), np.array([sd]), np.array([not is_put])
        )
        return int(friday.timestamp()), strike, None, float(fair[0])

    def _hedge_price(self, index: int, quantity: Decimal, *, is_taker_buy: bool, fair: float) -> float:
        """What the makers' ladders pay (or ask) on average for `quantity`; fair value where they show nothing."""
        levels = self._makers.levels(index, is_bid=not is_taker_buy)
        left, cost = quantity, Decimal(0)
        for price, amount in levels:
            taken = min(amount, left)
            cost += taken * price
            left -= taken
            if not left:
                break
        return float(cost / (quantity - left)) if left < quantity else fair

    def _rivals(self, hedge: float, *, is_taker_buy: bool) -> tuple[Rival, ...]:
        rng = self._rng
        count = _RIVAL_COUNTS[int(rng.integers(len(_RIVAL_COUNTS)))]
        rivals = []
        sign = 1 if is_taker_buy else -1
        for number in range(count):
            least = exp(_EDGE_LOG_MEDIAN + _EDGE_LOG_SD * float(rng.standard_normal()))
            asked, delay, reaction = rng.random(3).tolist()
            limit = max(hedge * (1 + sign * min(least, 0.5)), 0.0001)
            price = max(hedge * (1 + sign * min(least * (1.2 + 1.5 * asked), 0.8)), 0.0001)
            rivals.append(
                Rival(
                    maker=f"rival-{number + 1}",
                    delay_ms=50 + int(600 * delay),
                    price=_grid(price, up=is_taker_buy),
                    limit=_grid(limit, up=is_taker_buy),
                    reaction_ms=60 + int(400 * reaction),
                )
            )
        return tuple(rivals)


def _grid(value: float, *, up: bool) -> Decimal:
    return Decimal(value).quantize(_PRICE_GRID, rounding=ROUND_CEILING if up else ROUND_FLOOR)
