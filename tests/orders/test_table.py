"""The order table: every event in any order, late, twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.generators import RECORDS
from reference.order_facts import known_of

from atomizer.domain.trading import CancelSent, Fill, OrderPlaced, OrderState, OrderUpdate, Side, TimeInForce
from atomizer.orders import table as room
from atomizer.orders.table import OrderTable

VENUES = ["derive", "deribit"]
LABELS = ["hedger.r1.1", "hedger.r1.2", "hedger.r1.3"]
AMOUNT = 5


def place(label=LABELS[0], venue="derive", nonce=7, hedge_of="", *, now_ns=1, replaces=""):
    return OrderPlaced(
        now_ns=now_ns,
        venue=venue,
        client_id=label,
        nonce=nonce,
        instrument="ETH-PERP",
        side=Side.BUY,
        price_nanos=100,
        amount_nanos=AMOUNT,
        time_in_force=TimeInForce.GTC,
        hedge_of=hedge_of,
        replaces=replaces,
    )


def update(state, filled_nanos=0, label=LABELS[0], venue="derive", **more):
    return OrderUpdate(now_ns=2, venue=venue, client_id=label, state=state, filled_nanos=filled_nanos, **more)


def fill(trade_id, amount_nanos, label=LABELS[0], venue="derive"):
    return Fill(
        now_ns=3,
        venue=venue,
        trade_id=trade_id,
        client_id=label,
        instrument="ETH-PERP",
        side=Side.BUY,
        price_nanos=100,
        amount_nanos=amount_nanos,
        fee_e18=1,
        is_maker=False,
        venue_time_ns=3,
    )


def fold(*records):
    table = OrderTable()
    for record in records:
        table.apply(record)
    return table


venues, labels = st.sampled_from(VENUES), st.sampled_from(LABELS)
events = st.one_of(
    st.builds(place, labels, venues, st.integers(0, 9)),
    st.builds(
        lambda number, venue: place(LABELS[number], venue, replaces=LABELS[number - 1]), st.integers(1, 2), venues
    ),
    st.builds(update, st.sampled_from(OrderState), st.integers(0, AMOUNT), labels, venues),
    st.builds(lambda label, venue: update(OrderState.OPEN, 0, label, venue, order_id=f"id-{label}"), labels, venues),
    st.builds(fill, st.sampled_from("abc"), st.integers(1, 4), labels, venues),
    st.builds(
        lambda n, label, venue: CancelSent(now_ns=n, venue=venue, client_id=label), st.integers(1, 9), labels, venues
    ),
)


def facts(table):
    known = {}
    for venue in VENUES:
        for label in LABELS:
            order = table.get(venue, label)
            known[venue, label] = order and (order.state, order.filled_nanos, order.order_id, order.cancel_sent_ns)
    return known


@given(st.lists(events, max_size=12), st.lists(events, max_size=12))
def test_whoever_watches_knows_what_is_open(before, after):
    """A watcher is told of what may still be filled: of each live order when it begins, and at every change since."""
    table, told = fold(*before), {}
    table.watch(lambda order: told.update({(order.venue, order.client_id): order.open_nanos}))
    for event in after:
        table.apply(event)
    live = {(order.venue, order.client_id): order.open_nanos for order in table.live()}
    assert {key: amount for key, amount in told.items() if amount} == {key: n for key, n in live.items() if n}


@given(st.lists(events, max_size=12))
def test_the_table_agrees_with_the_whole_record(records):
    """After any events the table says of each order what follows from all of them taken together."""
    table = fold(*records)
    expected = {(venue, label): known_of(records, venue, label) for venue in VENUES for label in LABELS}
    assert facts(table) == expected
    live = {(order.venue, order.client_id) for order in table.live()}
    assert live == {key for key, known in expected.items() if known and not known[0].is_final}
    unknown = {(order.venue, order.client_id) for order in table.unknown()}
    assert unknown == {key for key, known in expected.items() if known and known[0] is OrderState.UNKNOWN}
    for venue in VENUES:
        nonces = [r.nonce for r in records if isinstance(r, OrderPlaced) and r.venue == venue]
        assert table.last_nonce(venue) == max(nonces, default=0)


def _once(record):
    """What is unique in the world: a trade, and the intent that a label stands for."""
    if isinstance(record, OrderPlaced):
        return record.venue, record.client_id
    return getattr(record, "trade_id", id(record))


@given(st.lists(events, max_size=12, unique_by=_once), st.randoms())
def test_the_order_of_events_does_not_matter(records, random):
    """The same events in any order lead to the same table."""
    shuffled = list(records)
    random.shuffle(shuffled)
    assert facts(fold(*shuffled)) == facts(fold(*records))


@given(st.lists(events, max_size=12))
def test_an_event_heard_again_is_nothing_new(records):
    """Every event that is applied a second time answers False and changes nothing."""
    table = fold(*records)
    before = facts(table)
    assert not any(table.apply(record) for record in records)
    assert facts(table) == before


@given(st.lists(RECORDS, max_size=20))
def test_any_records_can_be_folded(records):
    """No record makes the table raise."""
    fold(*records)


def test_a_fill_before_its_acknowledgement_is_booked_once():
    """A fill that overtakes its acknowledgement is booked once and the order ends filled."""
    table = fold(place())
    assert table.apply(fill("a", AMOUNT))
    assert not table.apply(fill("a", AMOUNT))
    assert not table.apply(update(OrderState.OPEN))
    assert table.get("derive", LABELS[0]).state is OrderState.FILLED
    assert table.filled_nanos("derive", LABELS[0]) == AMOUNT


def test_a_fill_that_races_a_cancel_counts():
    """A fill that arrives after its order was cancelled is booked; a whole one makes the order filled."""
    table = fold(place(), update(OrderState.CANCELLED))
    assert table.apply(fill("a", 2))
    assert table.get("derive", LABELS[0]).state is OrderState.CANCELLED
    assert table.apply(fill("b", 3))
    assert table.get("derive", LABELS[0]).state is OrderState.FILLED


def test_the_filled_amount_never_falls():
    """A report of less than is known leaves the larger amount."""
    table = fold(place(), update(OrderState.OPEN, 3), update(OrderState.OPEN, 1), fill("a", 2))
    assert table.filled_nanos("derive", LABELS[0]) == 3
    assert table.get("derive", LABELS[0]).open_nanos == 2


def test_the_same_trade_id_at_two_venues_is_two_fills():
    """Trade ids are unique per venue only."""
    table = fold(place(), place(venue="deribit"), fill("a", 2))
    assert table.apply(fill("a", 2, venue="deribit"))


def test_an_unknown_outcome_ends_with_the_venues_word():
    """An order whose outcome is unknown stays live until the venue says what became of it."""
    table = fold(place(), update(OrderState.UNKNOWN, detail="no answer"))
    assert [order.detail for order in table.unknown()] == ["no answer"]
    table.apply(update(OrderState.REFUSED, code=11000, detail="insufficient funds"))
    assert list(table.live()) == []
    order = table.get("derive", LABELS[0])
    assert (order.state, order.code, order.detail) == (OrderState.REFUSED, 11000, "insufficient funds")


def test_a_replaced_order_is_gone_once_its_successor_is_taken():
    """The venue ends an order before it takes its successor, whichever of the two it tells of first."""
    table = fold(place(LABELS[0]), update(OrderState.OPEN), place(LABELS[1], replaces=LABELS[0]))
    assert [order.client_id for order in table.live()] == LABELS[:2]
    table.apply(update(OrderState.OPEN, label=LABELS[1]))
    assert [order.client_id for order in table.live()] == [LABELS[1]]
    assert not table.apply(update(OrderState.OPEN))
    table.apply(fill("a", AMOUNT))  # it traded before it was replaced
    assert table.get("derive", LABELS[0]).state is OrderState.FILLED


@pytest.mark.parametrize("word", [OrderState.REFUSED, OrderState.UNKNOWN, OrderState.CANCELLED])
def test_half_a_replace_says_nothing_of_the_order_before(word):
    """A successor that nothing shows to be taken leaves the order before it live until the venue tells."""
    table = fold(place(LABELS[0]), update(OrderState.OPEN), place(LABELS[1], replaces=LABELS[0]))
    table.apply(update(word, label=LABELS[1]))
    assert LABELS[0] in [order.client_id for order in table.live()]
    table.apply(update(OrderState.CANCELLED))
    assert LABELS[0] not in [order.client_id for order in table.live()]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20), st.integers(1, 4))
def test_only_what_ended_long_ago_is_forgotten(orders, kept):
    """All live orders and the newest that ended are known, and nothing of the others is left."""
    names = [f"hedger.r1.{number}" for number in range(1, len(orders) + 1)]
    records = []
    for name, (ends, replaces) in zip(names, orders, strict=True):
        records.append(place(name, hedge_of="t", replaces="hedger.r0.1" if replaces else ""))
        records += [update(OrderState.EXPIRED, label=name), fill(name, 1, name)] if ends else []
        records.append(CancelSent(now_ns=1, venue="derive", client_id=f"web-{name}"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(room, "KEPT_ORDERS", kept)
        table = fold(*records)
    live = [name for name, (ends, _) in zip(names, orders, strict=True) if not ends]
    assert [order.client_id for order in table.live()] == live
    assert len(table._orders) <= kept + len(live)
    hedges = {order.client_id for order in table.hedges_of("t")}
    assert hedges == {name for name in names if table.get("derive", name) is not None}
    assert set(live) <= hedges
    assert {order.client_id for order in table.successors("derive", "hedger.r0.1")} <= hedges


def test_successors_are_known_by_what_they_replace():
    """All orders that were sent to replace one are found by it."""
    table = fold(place(LABELS[1], replaces=LABELS[0]), place(LABELS[2], replaces=LABELS[0]), place(LABELS[0]))
    assert [order.client_id for order in table.successors("derive", LABELS[0])] == LABELS[1:]
    assert table.successors("deribit", LABELS[0]) == ()


def test_a_hedge_is_the_sum_of_its_orders():
    """What is hedged of a trade is what all its orders have filled."""
    table = fold(
        place(LABELS[0], hedge_of="t"),
        place(LABELS[1], hedge_of="t"),
        fill("a", 2),
        fill("b", 1, LABELS[1]),
        fill("c", 1, "x"),
    )
    assert table.hedged_nanos("t") == 3
    assert [order.client_id for order in table.hedges_of("t")] == LABELS[:2]
    assert table.hedged_nanos("another") == 0


@pytest.mark.parametrize("final", [state for state in OrderState if state.is_final])
def test_no_late_word_reopens_an_order(final):
    """An order that has ended is not made live again by a late word."""
    table = fold(place(), update(final), update(OrderState.OPEN), update(OrderState.UNKNOWN))
    assert list(table.live()) == []
    assert table.get("derive", LABELS[0]).open_nanos == 0
