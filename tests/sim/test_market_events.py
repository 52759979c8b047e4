"""What the practice market emits: ladders, taker orders, RFQs, all within the rules of their venues."""

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomizer.sim.market import STEP_NS, MakerLadder, Market, RfqArrival, TakerOrder
from atomizer.sim.market.board import NOTICE_S, expiries
from atomizer.sim.market.rivals import hedge_price

START_NS = 1_771_977_600_000_000_000  # 2026-02-25 00:00 UTC
SECONDS = 90
SECOND_STEPS = 1_000_000_000 // STEP_NS


@dataclass
class Watched:
    """A minute and a half of market, folded as a venue would."""

    market: Market
    events: list = field(default_factory=list)
    ladders: dict = field(default_factory=lambda: defaultdict(dict))
    crossings: list = field(default_factory=list)
    changes: Counter = field(default_factory=Counter)
    wins: Counter = field(default_factory=Counter)
    reached: Counter = field(default_factory=Counter)

    def side(self, name, *, is_bid):
        shown = self.ladders[name].values()
        return sorted((level for item in shown for level in (item.bids if is_bid else item.asks)), reverse=is_bid)

    def on(self, event):
        if isinstance(event, MakerLadder):
            self.changes[(event.now_ns - START_NS) // 1_000_000_000] += event.now_ns > START_NS
            self.ladders[event.name][event.maker] = event
            bids, asks = self.side(event.name, is_bid=True), self.side(event.name, is_bid=False)
            if bids and asks and bids[0][0] >= asks[0][0]:
                self.crossings.append(event)
        elif isinstance(event, TakerOrder):
            best = self.side(event.name, is_bid=not event.is_buy)[:1]
            reached = bool(best) and (event.limit >= best[0][0] if event.is_buy else event.limit <= best[0][0])
            self.reached[reached] += 1
        else:
            self.on_rfq(event)

    def on_rfq(self, rfq):
        """Would a maker who asks 2 % of the hedge price have won?"""
        name = listed_name(self.market, rfq)
        levels = self.side(name, is_bid=not rfq.is_taker_buy) if name else []
        spot = float(self.market.spot(rfq.underlying)) if name else 0.0
        hedge = hedge_price(levels, rfq.quantity, spot, is_taker_buy=rfq.is_taker_buy)
        if hedge is None:
            self.wins["unlisted"] += 1
            return
        sign = 1 if rfq.is_taker_buy else -1
        quote = hedge * (1 + sign * 0.02)
        rivals = [float(rival.limit) for rival in rfq.rivals] + [float(rfq.reserve)]
        self.wins[all(sign * quote < sign * rival for rival in rivals)] += 1


def listed_name(market, rfq):
    wanted = (rfq.underlying, rfq.expiry_s, rfq.strike, "P" if rfq.is_put else "C")
    return next(
        (
            name
            for name, item in market.listings.items()
            if (item.underlying, item.expiry_s, item.strike, item.option_type) == wanted
        ),
        None,
    )


@pytest.fixture(scope="module")
def watched():
    result = Watched(Market(2024, START_NS, rfq_interval_s=0.2))
    for step in range(SECONDS * SECOND_STEPS):
        events = result.market.advance(START_NS + step * STEP_NS)
        result.events += events
        for event in events:
            result.on(event)
    return result


def on_grid(value, grid):
    return value % grid == 0


def test_ladders_are_best_first_positive_and_on_the_grid(watched):
    """Each ladder stands on tick and step, within the listing's sizes, best first, and does not cross itself."""
    for event in watched.events:
        if not isinstance(event, MakerLadder):
            continue
        listing = watched.market.listings[event.name]
        for side, is_bid in ((event.bids, True), (event.asks, False)):
            prices = [price for price, _ in side]
            assert prices == sorted(set(prices), reverse=is_bid)
            assert all(price > 0 and on_grid(price, listing.tick) for price in prices)
            assert all(
                listing.minimum <= amount <= listing.maximum and on_grid(amount, listing.step) for _, amount in side
            )
        assert event.asks
        assert not event.bids or event.bids[0][0] < event.asks[0][0]


def test_makers_are_never_crossed(watched):
    """After no event does one maker's bid reach another's ask."""
    assert watched.crossings == []


def test_every_instrument_is_made(watched):
    """From the first step at least two makers show both sides, but for the worthless ones without a bid."""
    for name in watched.market.listings:
        assert len(watched.ladders[name]) >= 2
        assert watched.side(name, is_bid=True) or watched.market.state(name).mark < Decimal(20)


def test_books_are_as_deep_as_the_venue_is(watched):
    """The middle option shows several units of its underlying within one spread of the touch."""
    depths = defaultdict(list)
    for name, listing in watched.market.listings.items():
        bids, asks = watched.side(name, is_bid=True), watched.side(name, is_bid=False)
        if listing.kind == "option" and bids:
            reach = bids[0][0] - max(asks[0][0] - bids[0][0], 3 * listing.tick)
            depths[listing.underlying].append(sum(amount for price, amount in bids if price >= reach))
    middle = {underlying: sorted(values)[len(values) // 2] for underlying, values in depths.items()}
    assert Decimal(5) < middle["ETH"] < Decimal(40)
    assert Decimal("0.5") < middle["BTC"] < Decimal(6)


def test_spreads_near_the_money_are_a_few_volatility_points(watched):
    """The touch near the money is 1 to 10 volatility points wide, wider in the front."""
    widths = defaultdict(list)
    for name, listing in watched.market.listings.items():
        state = watched.market.state(name)
        if listing.kind == "option" and 0.25 < abs(state.delta) < 0.75:
            touch = watched.side(name, is_bid=False)[0][0] - watched.side(name, is_bid=True)[0][0]
            widths[listing.underlying, listing.expiry_s].append(float(touch) / state.vega)
    for underlying in ("ETH", "BTC"):
        by_expiry = [
            sorted(values)[len(values) // 2] for (name, _), values in sorted(widths.items()) if name == underlying
        ]
        assert all(1.0 < width < 10.0 for width in by_expiry)
        assert by_expiry[0] > 1.5 * by_expiry[-1]


def test_ladder_rate_is_bounded(watched):
    """Makers change some hundred ladders a second, never more than nine hundred."""
    rates = [watched.changes[second] for second in range(SECONDS)]
    assert 60 < sum(rates) / SECONDS < 500
    assert max(rates) <= 900


def test_taker_orders_keep_the_rules_and_often_trade(watched):
    """Takers' orders stand on the grid; a good part reaches the other side, not all."""
    orders = [event for event in watched.events if isinstance(event, TakerOrder)]
    for order in orders:
        listing = watched.market.listings[order.name]
        assert on_grid(order.limit, listing.tick)
        assert order.limit > 0
        assert on_grid(order.amount, listing.step)
        assert listing.minimum <= order.amount <= listing.maximum
    assert 0.3 < watched.reached[True] / watched.reached.total() < 0.95


def test_rfqs_are_what_the_rysk_market_allows(watched):
    """An RFQ names a listed asset and its chain's addresses, an unexpired 08:00 expiry and a permitted quantity."""
    assets = {(asset.chain_id, asset.address): asset for asset in watched.market.rysk_assets}
    rfqs = [event for event in watched.events if isinstance(event, RfqArrival)]
    assert len({rfq.rfq_id for rfq in rfqs}) == len(rfqs)
    for rfq in rfqs:
        asset = assets[rfq.chain_id, rfq.asset]
        assert (rfq.symbol, rfq.underlying, rfq.usd) == (asset.symbol, asset.underlying, asset.usd)
        assert rfq.collateral == (asset.usd if rfq.is_put else asset.address)
        assert asset.min_trade_size <= rfq.quantity <= asset.max_trade_size
        assert uuid.UUID(rfq.rfq_id).version == 4
        assert rfq.taker == rfq.taker.lower()
        assert rfq.strike > 0
        assert rfq.expiry_s * 1_000_000_000 > rfq.now_ns
        assert datetime.fromtimestamp(rfq.expiry_s, UTC).strftime("%H:%M:%S") == "08:00:00"


def test_rfqs_are_mostly_written_options_on_the_main_chain(watched):
    """Covered calls and cash-secured puts dominate, most are listed at the hedge venue, some cannot be hedged."""
    rfqs = [event for event in watched.events if isinstance(event, RfqArrival)]
    share = {
        "main": sum(rfq.chain_id == 84_532 for rfq in rfqs) / len(rfqs),
        "taker buys": sum(rfq.is_taker_buy for rfq in rfqs) / len(rfqs),
        "puts": sum(rfq.is_put for rfq in rfqs) / len(rfqs),
        "listed": sum(listed_name(watched.market, rfq) is not None for rfq in rfqs) / len(rfqs),
        "no market": sum(rfq.underlying not in ("ETH", "BTC") for rfq in rfqs) / len(rfqs),
    }
    assert 0.85 < share["main"] < 1.0
    assert 0.05 < share["taker buys"] < 0.3
    assert 0.2 < share["puts"] < 0.5
    assert 0.7 < share["listed"] < 0.97
    assert 0.0 < share["no market"] < 0.15


def test_rivals_improve_up_to_their_limit(watched):
    """A rival's first price is never better for the taker than its limit, and both are positive."""
    for rfq in watched.events:
        if isinstance(rfq, RfqArrival):
            assert rfq.reserve > 0
            assert 1 <= len(rfq.rivals) <= 4
            assert len({rival.maker for rival in rfq.rivals}) == len(rfq.rivals)
            for rival in rfq.rivals:
                assert min(rival.price, rival.limit) > 0
                assert rival.price >= rival.limit if rfq.is_taker_buy else rival.price <= rival.limit
                assert 0 < rival.delay_ms < 2000
                assert rival.reaction_ms > 0


def test_a_fair_maker_wins_a_third_to_a_half(watched):
    """A maker who quotes its hedge price with fee, less 2 %, wins very roughly a third of what it answers."""
    answered = watched.wins[True] + watched.wins[False]
    assert answered > 200
    assert 0.2 < watched.wins[True] / answered < 0.55


@given(st.integers(1_600_000_000, 2_200_000_000))
@settings(max_examples=200)
def test_expiries_are_a_day_two_fridays_a_month_and_a_quarter(start_s):
    """Five expiries at 08:00 UTC, rising, all with notice; the last two end a month and a quarter."""
    found = expiries(start_s)
    days = [datetime.fromtimestamp(expiry, UTC) for expiry in found]
    assert list(found) == sorted(set(found))
    assert found[0] > start_s + NOTICE_S
    assert found[0] - start_s <= NOTICE_S + 86_400
    assert all((day.hour, day.minute, day.second) == (8, 0, 0) for day in days)
    assert all(day.weekday() == 4 for day in days[1:])
    assert days[3].month != datetime.fromtimestamp(found[3] + 7 * 86_400, UTC).month
    assert days[4].month in {3, 6, 9, 12}
    assert days[4].month != datetime.fromtimestamp(found[4] + 7 * 86_400, UTC).month


def test_board_is_round_the_forward():
    """Each expiry lists calls and puts at 9 to 13 strikes round the forward; two perpetuals stand beside them."""
    market = Market(1, START_NS)
    board = defaultdict(set)
    for name, listing in market.listings.items():
        if listing.kind == "option":
            board[listing.underlying, listing.expiry_s].add((listing.strike, listing.option_type))
            assert name.startswith(f"{listing.underlying}-{datetime.fromtimestamp(listing.expiry_s, UTC):%Y%m%d}-")
    assert len(board) == 10
    assert 180 <= len(market.listings) <= 240
    assert {"ETH-PERP", "BTC-PERP"} <= market.listings.keys()
    for (underlying, expiry_s), options in board.items():
        strikes = sorted({strike for strike, _ in options})
        assert 9 <= len(strikes) <= 13
        assert len(options) == 2 * len(strikes)
        day = datetime.fromtimestamp(expiry_s, UTC)
        forward = market.state(f"{underlying}-{day:%Y%m%d}-{strikes[0]}-C").forward
        assert strikes[len(strikes) // 2 - 1] < forward < strikes[len(strikes) // 2 + 1]
