"""What may still trade on a side of an instrument that we quote is, at every moment, what the order table says."""

from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.gate import InstrumentLimits
from atomizer._core.slot import Slot
from atomizer.app.market_making_quoted import SILENT, Living, Quoted, params_of
from atomizer.app.market_making_sides import Sides
from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.orders.table import OrderTable
from tests.risk.books_at_risk import NOW_NS, instrument

VENUE = "derive"
MOST = 10**6 * NANOS
LIMITS = InstrumentLimits(
    tick_nanos=1,
    lot_nanos=1,
    min_amount_nanos=1,
    max_amount_nanos=MOST,
    max_order_size_nanos=MOST,
    max_position_nanos=MOST,
    mark_band_share_nanos=NANOS,
    max_book_age_ns=NANOS,
    max_mark_age_ns=NANOS,
)


class Desk:
    """Both sides of one instrument, the table, and every order that was placed on each side."""

    def __init__(self):
        self.table = OrderTable()
        self.sides = Sides(self.table, VENUE)
        self.quoted = Quoted(instrument(), Slot(0, params_of(SILENT), LIMITS, 0, 0))
        self.placed = {True: [], False: []}
        self.now_ns = NOW_NS

    def place(self, is_bid, price, amount, replaces):
        last = self.placed[is_bid][-1].client_id if self.placed[is_bid] and replaces else ""
        order = OrderPlaced(
            now_ns=self.now_ns,
            venue=VENUE,
            client_id=f"mm.r1.{len(self.placed[True]) + len(self.placed[False])}",
            nonce=self.now_ns,
            instrument=self.quoted.name,
            side=Side.BUY if is_bid else Side.SELL,
            price_nanos=price,
            amount_nanos=amount,
            time_in_force=TimeInForce.POST_ONLY,
            replaces=last,
        )
        self.sides.own(self.quoted, order)
        self.table.apply(order)
        self.placed[is_bid].append(order)

    def hear(self, is_bid, which, what, amount):
        if not self.placed[is_bid]:
            return
        order = self.placed[is_bid][which % len(self.placed[is_bid])]
        words = {"now_ns": self.now_ns, "venue": VENUE, "client_id": order.client_id}
        if what == "cancel":
            self.table.apply(CancelSent(**words))
        elif what == "fill":
            words |= {"instrument": order.instrument, "side": order.side, "price_nanos": order.price_nanos}
            words |= {"trade_id": f"t{self.now_ns}", "amount_nanos": amount, "fee_e18": 0, "is_maker": True}
            self.table.apply(Fill(**words, venue_time_ns=self.now_ns))
        else:
            self.table.apply(OrderUpdate(**words, state=what, filled_nanos=amount))
        self.sides.tell(self.quoted, is_bid, self.now_ns)

    def living(self, is_bid):
        """By the table alone, of all orders there ever were."""
        orders = [self.table.get(VENUE, order.client_id) for order in self.placed[is_bid]]
        live = [order for order in orders if not order.state.is_final]
        return Living(
            max((order.open_nanos for order in live), default=0),
            max((order.placed.price_nanos for order in live), default=0),
        )


amounts = st.integers(1, 9)
steps = st.one_of(
    st.tuples(st.just(Desk.place), st.booleans(), amounts, amounts, st.booleans()),
    st.tuples(
        st.just(Desk.hear),
        st.booleans(),
        st.integers(0, 3).map(lambda back: -back - 1),
        st.sampled_from(("cancel", "fill", "fill", *OrderState)),
        amounts,
    ),
)


@given(st.lists(steps, max_size=25))
def test_what_lives_is_what_the_table_says_whatever_was_heard(all_steps):
    """After each order, answer and trade, in any order, the largest amount and price of a side are the table's."""
    desk = Desk()
    for act, *args in all_steps:
        desk.now_ns += 1
        act(desk, *args)
        for is_bid in (True, False):
            assert desk.sides.living(desk.quoted, is_bid) == desk.living(is_bid)
