"""After a fill: what two hundred instruments may show is found anew, and the event loop waits as long.

A market maker's own parts over a Derive session that is not connected: positions in half of the instruments, orders
living on all four hundred sides, the fill booked before. Target: 3 ms.
"""

import gc

import pytest
from derive_order import ASSET, KEY, OWNER, SUB_ID, SUBACCOUNT
from feeds import LEVELS
from tail import note_tail
from test_lane import NANOS, NOW_NS, SECOND_NS

from atomizer._core.ecdsa import Signer, parse_address
from atomizer._core.gate import Gate
from atomizer.app import market_making_parts as parts
from atomizer.app.ledger import Ledger
from atomizer.app.market_making_lane import QuoteLane
from atomizer.app.market_making_rules import Rules
from atomizer.app.parts import build_limits
from atomizer.config import settings
from atomizer.config.settings import Risk, Settings
from atomizer.config.units import Positive
from atomizer.domain.instruments import Instrument, parse_name
from atomizer.domain.trading import Fill, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.journal.frames import Identity
from atomizer.strategies.market_maker import MarketMaker
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.market_codec import Listing, ticker_channel
from atomizer.venues.derive.profile import V3_TESTNET
from atomizer.venues.derive.session import DeriveSession

INSTRUMENTS = 200
ROUNDS = 100
SIZE = NANOS
SPOT = 3_000
BIDS = [((100 - at) * NANOS, 5 * NANOS) for at in range(LEVELS)]
ASKS = [((104 + at) * NANOS, 5 * NANOS) for at in range(LEVELS)]
GREEKS = {"d": "0.25", "g": "0.0002", "v": "3.5", "t": "-1.5", "i": "0.7"}
PRICING = GREEKS | {"f": "3000", "m": "102", "r": "0", "df": "1", "bi": "0.6", "ai": "0.8"}
TOUCH = {"t": NOW_NS // 10**6, "A": "5", "a": "104", "B": "5", "b": "100", "f": None}
TICKER = {
    "timestamp": NOW_NS // 10**6,
    "instrument_ticker": TOUCH | {"option_pricing": PRICING, "I": "3000", "M": "102"},
}
SETTINGS = Settings(
    market_maker=settings.MarketMaker(size=Positive(1), max_position=Positive(100), max_exposure=Positive(10**6)),
    risk=Risk(
        max_position=Positive(100),
        max_exposure=Positive(10**6),
        max_delta=Positive(10**4),
        max_gamma=Positive(10**4),
        max_vega=Positive(10**6),
        max_open_orders=10**4,
        max_open_notional=Positive(10**8),
    ),
)


def instrument(name):
    return Instrument(
        venue="derive",
        contract=parse_name(name),
        tick_nanos=NANOS // 10,
        lot_nanos=NANOS // 100,
        min_amount_nanos=NANOS // 10,
        max_amount_nanos=1_000 * NANOS,
        maker_fee_nanos=NANOS // 10_000,
        taker_fee_nanos=NANOS * 3 // 10_000,
        base_fee_nanos=NANOS // 2,
        fee_cap_nanos=NANOS // 8,
    )


class Maker:
    """Its venue, its books, its lane and its rules."""

    def __init__(self, directory):
        credentials = Credentials(OWNER, Signer(KEY), SUBACCOUNT)
        self.session = DeriveSession(
            V3_TESTNET, credentials, underlyings=("ETH",), emit=lambda _event: None, now_ns=lambda: NOW_NS
        )
        self.market = self.session._market  # noqa: SLF001  what a venue's frames would fill
        self.ledger = Ledger(directory, Identity("derive", "benchmark"))
        self.lane = QuoteLane(
            ledger=self.ledger,
            venue=self.session,
            gate=Gate(1_000),
            run="r1",
            time_in_force=TimeInForce.POST_ONLY,
            is_protected=True,
            clock_ns=lambda: NOW_NS,
        )
        state = self.ledger.state
        self.rules = Rules(
            lane=self.lane,
            strategy=MarketMaker(parts.build_params(SETTINGS)),
            limits=build_limits(SETTINGS.risk),
            room=parts.build_room_limits(SETTINGS),
            losses=state.losses,
            portfolio=state.portfolio,
            mark=self.session.mark,
            volatility=self.session.volatility,
            doubting=state.doubting,
            move_window_ns=60 * SECOND_NS,
        )
        self.orders = []
        self.fills = 0
        self.list_all()
        for name in self.session.names:
            self.rest(name, Side.BUY)
            self.rest(name, Side.SELL)
        for _ in range(INSTRUMENTS):
            self.fill()
        self.rules.renew(NOW_NS)

    def list_all(self):
        """Everything has a mark and a book."""
        strikes = range(SPOT - 5 * INSTRUMENTS // 2, SPOT + 5 * INSTRUMENTS // 2, 10)
        names = [f"ETH-20270625-{strike}-{kind}" for strike in strikes for kind in "CP"]
        self.market.replace_listings([Listing(instrument(name), parse_address(ASSET), SUB_ID) for name in names])
        feeds = self.market.feeds()
        for name in names:
            listed, book = self.session.instrument(name), self.session.book(name)
            feeds[ticker_channel(name)](TICKER, NOW_NS)
            book.apply_snapshot(BIDS, ASKS, 1, NOW_NS, NOW_NS)
            self.lane.add(listed, book, parts.build_limits(SETTINGS, listed), 0)

    def rest(self, name, side):
        placed = OrderPlaced(
            now_ns=NOW_NS,
            venue="derive",
            client_id=f"mm.r1.{len(self.orders)}",
            nonce=len(self.orders) + 1,
            instrument=name,
            side=side,
            price_nanos=(99 if side is Side.BUY else 105) * NANOS,
            amount_nanos=SIZE,
            time_in_force=TimeInForce.POST_ONLY,
        )
        self.lane.sides.own(self.lane.get(name), placed)
        self.ledger.learn(placed)
        self.ledger.learn(OrderUpdate(now_ns=NOW_NS, venue="derive", client_id=placed.client_id, state=OrderState.OPEN))
        self.orders.append(placed)

    def fill(self):
        """A lot of another order than the last."""
        order = self.orders[5 * self.fills % len(self.orders)]
        self.fills += 1
        self.ledger.learn(
            Fill(
                now_ns=NOW_NS,
                venue="derive",
                trade_id=f"t{self.fills}",
                client_id=order.client_id,
                instrument=order.instrument,
                side=order.side,
                price_nanos=order.price_nanos,
                amount_nanos=NANOS // 100,
                fee_e18=0,
                is_maker=True,
                venue_time_ns=NOW_NS,
            )
        )


@pytest.mark.benchmark(group=f"the rules of {INSTRUMENTS} instruments renewed after a fill")
def test_rules_renewed(benchmark, tmp_path):
    maker = Maker(tmp_path)
    gc.disable()
    benchmark.pedantic(maker.rules.renew, (NOW_NS,), setup=maker.fill, rounds=ROUNDS, warmup_rounds=3)
    gc.enable()
    note_tail(benchmark)
    assert not maker.rules.why
    maker.ledger.close()
