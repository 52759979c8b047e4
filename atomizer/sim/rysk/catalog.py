"""What the market behind the venue lists and what it is worth, in Rysk's words. No connections, no money.

Shapes: Rysk V12 fact sheet, sections 5 (inventory, assets) and 8 (annualised premium).
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from atomizer.sim.market import Listing, Market, RfqArrival, RyskAsset
from atomizer.sim.rysk.auction import MILLISECOND_NS, SECOND_NS, Auction, RivalPlan
from atomizer.sim.rysk.wire import E8, E18, PriceRequest, Refusal, Terms, internal, invalid

NO_ASK: Final = 9223372036.854776  # the real server's sentinel for a missing ask
DAY_S: Final = 86_400
YEAR_DAYS: Final = 365

# Practice makers answer a taker's request this far from the mark, as shares of it, and after these delays.
_REQUEST_RIVALS: Final = (
    (Decimal("0.06"), Decimal("0.03"), 150 * MILLISECOND_NS, 200 * MILLISECOND_NS),
    (Decimal("0.05"), Decimal("0.04"), 400 * MILLISECOND_NS, 300 * MILLISECOND_NS),
)
_SHOWN_EDGE: Final = Decimal("0.04")  # between the mark and the inventory's indicative bid and ask


def to_e18(value: Decimal) -> int:
    """USD or units to 1e-18; the market's decimals are far coarser, so nothing is lost."""
    return int(value * E18)


def open_auction(rfq: RfqArrival, now_ns: int) -> Auction:
    """The market's RFQ, in the wire's scales, opened now."""
    terms = Terms(
        chain_id=rfq.chain_id,
        asset=rfq.asset,
        symbol=rfq.symbol,
        underlying=rfq.underlying,
        expiry_s=rfq.expiry_s,
        is_put=rfq.is_put,
        is_taker_buy=rfq.is_taker_buy,
        strike_e8=int(rfq.strike * E8),
        quantity_e18=to_e18(rfq.quantity),
        taker=rfq.taker,
        usd=rfq.usd,
        collateral=rfq.collateral,
    )
    rivals = [
        RivalPlan(
            maker=rival.maker,
            delay_ns=rival.delay_ms * MILLISECOND_NS,
            price_e18=to_e18(rival.price),
            limit_e18=to_e18(rival.limit),
            reaction_ns=rival.reaction_ms * MILLISECOND_NS,
        )
        for rival in rfq.rivals
    ]
    return Auction(rfq.rfq_id, terms, now_ns, rivals=rivals, reserve_e18=to_e18(rfq.reserve))


class Catalog:
    """Assets, option series and reference values of one market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._assets = {(asset.chain_id, asset.address): asset for asset in market.rysk_assets}
        self._options: dict[tuple[str, int, int, bool], Listing] = {
            (option.underlying, option.expiry_s, int(option.strike * E8), option.option_type == "P"): option
            for option in market.listings.values()
            if option.kind == "option"
        }

    def assets(self) -> dict[str, list[dict[str, object]]]:
        """The answer of /api/assets, by chain id."""
        chains: dict[str, list[dict[str, object]]] = {}
        for asset in self._market.rysk_assets:
            chains.setdefault(str(asset.chain_id), []).append(
                {
                    "active": True,
                    "address": asset.address,
                    "chainId": asset.chain_id,
                    "decimals": asset.decimals,
                    "maxTradeSize": str(to_e18(asset.max_trade_size)),
                    "minTradeSize": str(to_e18(asset.min_trade_size)),
                    "multipliers": [],
                    "price": str(to_e18(self._spot(asset))),
                    "symbol": asset.symbol,
                    "underlying": asset.underlying,
                    "underlyingAssetAddress": asset.underlying_address,
                }
            )
        return chains

    def requested_terms(self, request: PriceRequest, now_ns: int) -> Terms | Refusal:
        """What a taker's request stands for: the taker would sell, calls covered by the asset, puts by USD."""
        asset = self._assets.get((request.chain_id, request.asset))
        if asset is None:
            return invalid(f"asset {request.asset} is not listed on chain {request.chain_id}")
        if request.expiry_s * SECOND_NS <= now_ns:
            return internal(f"expiry {request.expiry_s} is past")
        least_e18, most_e18 = to_e18(asset.min_trade_size), to_e18(asset.max_trade_size)
        if not least_e18 <= request.quantity_e18 <= most_e18:
            return invalid(f"quantity {request.quantity_e18} is outside {least_e18} to {most_e18}")
        return Terms(
            chain_id=asset.chain_id,
            asset=asset.address,
            symbol=asset.symbol,
            underlying=asset.underlying,
            expiry_s=request.expiry_s,
            is_put=request.is_put,
            is_taker_buy=False,
            strike_e8=request.strike_e8,
            quantity_e18=request.quantity_e18,
            taker=request.taker,
            usd=asset.usd,
            collateral=asset.usd if request.is_put else asset.address,
        )

    def request_rivals(self, terms: Terms) -> list[RivalPlan]:
        """Practice makers for a taker's request; none where the market has no mark to price from."""
        mark = self.mark(terms)
        if mark is None:
            return []
        return [
            RivalPlan(f"rival-{number}", delay_ns, to_e18(mark * (1 - first)), to_e18(mark * (1 - last)), reaction_ns)
            for number, (first, last, delay_ns, reaction_ns) in enumerate(_REQUEST_RIVALS, 1)
        ]

    def mark(self, terms: Terms) -> Decimal | None:
        """USD per unit, or None when the series is not on the market's board."""
        option = self._options.get((terms.underlying, terms.expiry_s, terms.strike_e8, terms.is_put))
        return None if option is None else self._market.state(option.name).mark

    def apr_percent(self, terms: Terms, price_e18: int, now_ns: int) -> float:
        """The whole premium a year in percent of spot (calls) or strike (puts); 0 at and after expiry."""
        asset = self._assets.get((terms.chain_id, terms.asset))
        spot_e18 = 0 if asset is None else to_e18(self._spot(asset))
        base_e18 = terms.strike_e8 * (E18 // E8) if terms.is_put else spot_e18
        days = (terms.expiry_s - now_ns / SECOND_NS) / DAY_S
        return 0.0 if days <= 0 or base_e18 == 0 else price_e18 / base_e18 / days * YEAR_DAYS * 100

    def inventory(self, now_ns: int) -> dict[str, dict[str, object]]:
        """The answer of the taker's `inventory`, by asset symbol."""
        rows = [row for option in self._options.values() if (row := self._row(option, now_ns)) is not None]
        by_symbol: dict[str, list[RyskAsset]] = {}
        for asset in self._market.rysk_assets:
            by_symbol.setdefault(asset.symbol, []).append(asset)
        return {symbol: _inventory_of(assets, rows) for symbol, assets in by_symbol.items()}

    def _row(self, option: Listing, now_ns: int) -> tuple[Listing, dict[str, object]] | None:
        """One series as the inventory shows it, without its products; None for the one in the money.

        The inventory's key has no room for call or put, so of the two only what takers write is shown.
        """
        state = self._market.state(option.name)
        is_put = option.option_type == "P"
        if (option.strike > state.forward) == is_put:
            return None
        is_live = option.expiry_s * SECOND_NS > now_ns
        days = max(option.expiry_s - now_ns / SECOND_NS, 0) / DAY_S
        bid = float(state.mark * (1 - _SHOWN_EDGE)) if is_live else 0.0
        base = float(option.strike if is_put else state.index)
        return option, {
            "expiry": _expiry_word(option.expiry_s),
            "expiration_timestamp": option.expiry_s,
            "timeToExpiryDays": days,
            "strike": float(option.strike),
            "isPut": is_put,
            "delta": state.delta,
            "bid": bid,
            "ask": float(state.mark * (1 + _SHOWN_EDGE)) if is_live else NO_ASK,
            "bidIv": state.iv * 100,
            "askIv": state.iv * 100,
            "index": float(state.index),
            "apy": bid / base / days * YEAR_DAYS * 100 if days else 0.0,
            "timestamp": now_ns // SECOND_NS,
        }

    def _spot(self, asset: RyskAsset) -> Decimal:
        """USD now, or as at the start for an underlying that the market does not move."""
        try:
            return self._market.spot(asset.underlying)
        except KeyError:
            return asset.price


def _inventory_of(assets: list[RyskAsset], rows: list[tuple[Listing, dict[str, object]]]) -> dict[str, object]:
    """`assets` share a symbol, one for each chain it is on."""
    strikes: dict[str, list[float]] = {}
    combinations: dict[str, dict[str, object]] = {}
    for option, row in rows:
        if option.underlying != assets[0].underlying:
            continue
        day = _expiry_word(option.expiry_s)
        strikes.setdefault(day, []).append(float(option.strike))
        products = [
            {
                "asset": asset.address,
                "strikeAsset": asset.usd,
                "collateralAsset": asset.usd if row["isPut"] else asset.address,
            }
            for asset in assets
        ]
        combinations[f"{option.strike}-{day}"] = row | {"products": products}
    return {
        "strikes": {day: sorted(listed) for day, listed in strikes.items()},
        "expiries": list(strikes),
        "combinations": combinations,
    }


def _expiry_word(expiry_s: int) -> str:
    """21AUG26, as Rysk writes a day."""
    return datetime.fromtimestamp(expiry_s, UTC).strftime("%d%b%y").upper()
