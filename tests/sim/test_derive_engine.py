"""What must hold on practice Derive after any flow of ladders, takers, orders, cancels and replaces."""

from decimal import Decimal

from derive_trader import MS, PERP, Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.ledger import truncated_ledger

from atomizer.sim.derive import PRACTICE_ACCOUNT, V2, V3
from atomizer.sim.derive.units import e18_text

NANOS = 10**9
ticks = st.integers(-8, 8)
amounts = st.integers(1, 40).map(lambda tenths: Decimal(tenths) / 10)
levels = st.lists(st.tuples(st.integers(1, 12), amounts), max_size=3, min_size=1, unique_by=lambda level: level[0])
order = st.tuples(
    st.just("order"),
    st.integers(0, 1),
    st.sampled_from(["buy", "sell"]),
    amounts,
    ticks,
    st.sampled_from(["gtc", "ioc", "fok", "post_only"]),
)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("ladder"), st.sampled_from(["amber", "birch"]), levels, levels, ticks),
        st.tuples(st.just("take"), st.booleans(), amounts, ticks),
        order,
        order,
        order,  # named thrice: they make the trades
        st.tuples(st.just("cancel"), st.integers(0, 1)),
        st.tuples(st.just("replace"), st.integers(0, 1), amounts, ticks),
    ),
    min_size=15,
    max_size=40,
)


def play(desk, traders, name, flow):
    for kind, *rest in flow:
        desk.now_ns += 700 * MS  # slow enough for the budgets
        if kind == "ladder":
            maker, bids, asks, middle = rest
            down = [(middle - depth, amount) for depth, amount in sorted(bids)]
            desk.ladder(down, [(middle + depth, amount) for depth, amount in sorted(asks)], name, maker)
        elif kind == "take":
            is_buy, amount, tick = rest
            desk.take(is_buy=is_buy, amount=amount, ticks=tick, name=name)
        elif kind == "order":
            who, direction, amount, tick, force = rest
            params = traders[who].params(direction, amount, desk.at(tick, name), name, time_in_force=force)
            traders[who].send("private/order", params)
        else:
            change(desk, traders[rest[0]], name, *rest[1:])


def change(desk, trader, name, amount=None, tick=None):
    """Cancel the oldest open order, or replace it."""
    for order in trader.open_orders()[:1]:
        oldest = order["order_id"]
        if amount is None:
            trader.own("private/cancel", instrument_name=name, order_id=oldest)
        else:
            params = trader.params(order["direction"], amount, desk.at(tick, name), name)
            trader.ok("private/replace", **params, order_id_to_cancel=oldest)


def nanos(text):
    return int(Decimal(text) * NANOS)


def check_book(desk, traders, name):
    """Uncrossed, and what rests of the accounts' orders is what they have open."""
    book = desk.venue._engine.books[name]
    bid, ask = book.best(is_bid=True), book.best(is_bid=False)
    assert bid is None or ask is None or bid < ask
    for trader in traders:
        for order in trader.open_orders():
            rest = nanos(order["amount"]) - nanos(order["filled_amount"])
            assert book.get(order["order_id"]).remaining == rest > 0


def check_account(desk, trader):
    """Position, fees, cash and value are what the trades say, to the last digit."""
    trades = trader.own("private/get_trade_history", page_size=1000)["trades"][::-1]
    rows = [
        (1 if trade["direction"] == "buy" else -1, nanos(trade["trade_price"]), nanos(trade["trade_amount"]))
        for trade in trades
    ]
    (account,) = [
        row for row in desk.venue.ledger(desk.now_ns)["accounts"] if row["subaccount_id"] == trader.subaccount_id
    ]
    if not trades:
        assert (account["positions"], account["cash"]) == ([], "1000000")
        return trades
    amount, cost, realized = truncated_ledger(rows)
    (row,) = account["positions"]
    assert (row["amount"], row["realized_pnl_excl_fees"]) == (text(amount, NANOS), e18_text(realized))
    mark = nanos(row["mark_price"])
    assert row["unrealized_pnl_excl_fees"] == e18_text(mark * amount - cost)
    fees = sum(Decimal(trade["trade_fee"]) for trade in trades)
    assert Decimal(row["total_fees"]) == fees
    profit = Decimal(row["realized_pnl_excl_fees"]) + Decimal(row["unrealized_pnl_excl_fees"])
    assert Decimal(row["realized_pnl"]) + Decimal(row["unrealized_pnl"]) == profit - fees
    value = Decimal(trader.own("private/get_subaccount")["subaccount_value"])
    assert value == 1_000_000 + profit - fees
    return trades


def text(value, scale):
    return f"{(Decimal(value) / scale).normalize():f}"


def check_sides(first, second):
    """Where both accounts were in one trade, each is the other's mirror."""
    mirror = {trade["trade_id"]: trade for trade in second}
    for trade in first:
        other = mirror.get(trade["trade_id"])
        if other is not None:
            same = ("trade_price", "trade_amount", "mark_price", "timestamp")
            assert [trade[key] for key in same] == [other[key] for key in same]
            assert {trade["direction"], other["direction"]} == {"buy", "sell"}
            assert {trade["liquidity_role"], other["liquidity_role"]} == {"maker", "taker"}


@settings(max_examples=30, deadline=None)
@given(actions, st.booleans())
def test_any_flow_leaves_the_venue_in_order(flow, trades_an_option):
    """Books uncrossed, orders resting as they say, trades mirrored, and all money accounted for."""
    desk = Desk()
    name = desk.option() if trades_an_option else PERP
    traders = [desk.trader(V2, PRACTICE_ACCOUNT), desk.other(V3)]
    desk.ladder([(-2, 5), (-4, 50)], [(2, 5), (4, 50)], name)
    play(desk, traders, name, flow)
    desk.now_ns += 6_000 * MS
    check_book(desk, traders, name)
    first, second = (check_account(desk, trader) for trader in traders)
    check_sides(first, second)
    tape = desk.venue._engine.stats[name].count
    assert len({trade["trade_id"] for trade in first + second}) <= tape
