"""The whole state as a fold over the journal."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from reference.generators import RECORDS

from atomizer.app.state import KEPT_RFQS, State
from atomizer.domain.instruments import parse_name
from atomizer.domain.trading import (
    Fill,
    HedgeClosed,
    HedgeOpened,
    Mark,
    OrderPlaced,
    OrderState,
    OrderUpdate,
    PositionsCompared,
    QuoteSent,
    Rfq,
    RunStarted,
    RunStopped,
    Side,
    TimeInForce,
)
from atomizer.journal.frames import Identity
from atomizer.journal.reader import JournalReader
from atomizer.journal.writer import JournalWriter

CALL = "ETH-20300628-3000-C"
BOOK = Identity("derive", "7")

RFQ = Rfq(
    now_ns=1,
    source="rysk",
    rfq_id="rfq-1",
    contract=parse_name(CALL),
    quantity_nanos=5,
    taker_buys=True,
    taker="someone",
)
QUOTE = QuoteSent(
    now_ns=2,
    source="rysk",
    rfq_id="rfq-1",
    nonce=1_750_000_000_123,
    instrument=CALL,
    side=Side.SELL,
    price_nanos=100,
    quantity_nanos=5,
    valid_until_s=30,
    fair_nanos=90,
)
WIN = Fill(
    now_ns=3,
    venue="rysk",
    trade_id="rysk-1",
    client_id="1750000000123",
    instrument=CALL,
    side=Side.SELL,
    price_nanos=100,
    amount_nanos=5,
    fee_e18=0,
    is_maker=True,
    venue_time_ns=3,
)
HEDGE = HedgeOpened(now_ns=4, trade_id="rysk-1", instrument=CALL, side=Side.BUY, amount_nanos=5)
ORDER = OrderPlaced(
    now_ns=5,
    venue="derive",
    client_id="hedger.r1.1",
    nonce=77,
    instrument=CALL,
    side=Side.BUY,
    price_nanos=95,
    amount_nanos=5,
    time_in_force=TimeInForce.IOC,
    hedge_of="rysk-1",
)
HEDGE_FILL = Fill(
    now_ns=6,
    venue="derive",
    trade_id="derive-1",
    client_id="hedger.r1.1",
    instrument=CALL,
    side=Side.BUY,
    price_nanos=92,
    amount_nanos=5,
    fee_e18=3,
    is_maker=False,
    venue_time_ns=6,
)
DONE = OrderUpdate(now_ns=7, venue="derive", client_id="hedger.r1.1", state=OrderState.FILLED, filled_nanos=5)
CLOSED = HedgeClosed(now_ns=8, trade_id="rysk-1", filled_nanos=5, detail="filled")
MARK = Mark(
    now_ns=9,
    venue="derive",
    instrument=CALL,
    mark_nanos=93,
    index_nanos=1,
    forward_nanos=1,
    iv=0.5,
    delta=0.5,
    gamma=0.0,
    vega=0.0,
    theta=0.0,
    venue_time_ns=9,
)
COMPARED = PositionsCompared(now_ns=9, venue="rysk", differing=(CALL,))
STARTED = RunStarted(now_ns=0, run="r1", venue="derive", account="7")
STOPPED = RunStopped(now_ns=10, run="r1", live_orders=0)
DAY = [STARTED, RFQ, QUOTE, WIN, HEDGE, ORDER, HEDGE_FILL, DONE, CLOSED, MARK, COMPARED, STOPPED]


def fold(records):
    state = State()
    for record in records:
        state.apply(record)
    return state


def picture(state):
    """Everything that the state says, to compare two of them."""
    return {
        "positions": list(state.portfolio.positions()),
        "live": list(state.orders.live()),
        "order": state.orders.get("derive", "hedger.r1.1"),
        "hedged": state.orders.hedged_nanos("rysk-1"),
        "open_hedges": state.open_hedges(),
        "wins": state.unhedged_wins(),
        "quote": state.quote("rysk", "1750000000123"),
        "rfq": state.rfq("rysk", "rfq-1"),
        "nonces": (state.last_nonce("derive"), state.last_nonce("rysk")),
        "doubt": (state.doubting(CALL), state.agreed_ns("rysk", CALL), state.agreed_ns("rysk", "other")),
        "mark": state.portfolio.mark("rysk", CALL),
        "run": (state.run, state.stop),
    }


def test_a_day_of_an_rfq_won_and_hedged():
    """An RFQ that is quoted, won and hedged leaves both fills booked, nothing open and the nonces remembered."""
    state = State()
    assert all(state.apply(record) for record in DAY)
    amounts = {position.venue: position.amount_nanos for position in state.portfolio.positions()}
    assert amounts == {"rysk": -5, "derive": 5}
    assert (state.open_hedges(), state.unhedged_wins(), list(state.orders.live())) == ([], [], [])
    assert state.orders.hedged_nanos("rysk-1") == 5
    assert (state.last_nonce("derive"), state.last_nonce("rysk")) == (77, 1_750_000_000_123)
    assert state.has_rfq("rysk", "rfq-1")
    assert not state.has_rfq("rysk", "rfq-2")
    assert state.quote("rysk", WIN.client_id) == QUOTE
    assert (state.run, state.stop) == (STARTED, STOPPED)


def test_every_restart_continues_where_the_journal_ends(tmp_path):
    """Wherever a run dies, what was written is what the next one knows, and the day ends the same."""
    for cut in range(len(DAY) + 1):
        path = tmp_path / f"{cut}.journal"
        with JournalWriter(path, BOOK) as journal:
            for record in DAY[:cut]:
                journal.append(record)
        with JournalWriter(path, BOOK), JournalReader(path) as reader:
            state = fold(entry.record for entry in reader.read())
        assert picture(state) == picture(fold(DAY[:cut]))
        for record in DAY[cut:]:
            state.apply(record)
        assert picture(state) == picture(fold(DAY))


def test_a_win_that_was_not_hedged_before_a_crash_is_found():
    """Between the fill of a quote and its hedge it is listed as an unhedged win; after it the hedge is open."""
    state = fold(DAY[:4])
    assert (state.unhedged_wins(), state.open_hedges()) == ([WIN], [])
    state.apply(HEDGE)
    assert (state.unhedged_wins(), state.open_hedges()) == ([], [HEDGE])
    state.apply(CLOSED)
    assert (state.unhedged_wins(), state.open_hedges()) == ([], [])


def test_what_was_too_small_to_hedge_is_remembered():
    """What waits to join the next hedge of an instrument is what its latest hedge says, told again or not."""
    first = structs.replace(HEDGE, amount_nanos=0, carried_nanos=-3)
    second = structs.replace(HEDGE, trade_id="rysk-2", carried_nanos=2)
    other = structs.replace(HEDGE, trade_id="rysk-3", instrument="ETH-PERP", carried_nanos=1)
    assert fold([first]).carried() == {CALL: -3}
    assert fold([first, second, other, first]).carried() == {CALL: 2, "ETH-PERP": 1}


def test_news_heard_again_is_no_news():
    """A second telling of a fill, order, quote, RFQ or hedge answers False and books nothing."""
    state = fold(DAY)
    before = picture(state)
    repeated = [record for record in DAY if not isinstance(record, RunStarted | RunStopped)]
    assert [state.apply(record) for record in repeated] == [False] * len(repeated)
    assert picture(state) == before


def test_a_fill_of_ours_that_was_no_quote_is_no_win():
    """Fills of orders, hedges among them, are never listed as wins to hedge."""
    assert fold([STARTED, ORDER, HEDGE_FILL]).unhedged_wins() == []


def test_only_the_newest_rfqs_are_kept():
    """The memory of RFQs is bounded: the oldest are forgotten first."""
    state = fold(structs.replace(RFQ, rfq_id=str(number)) for number in range(KEPT_RFQS + 1))
    assert [state.has_rfq("rysk", rfq_id) for rfq_id in ("0", "1", str(KEPT_RFQS))] == [False, True, True]


@given(st.lists(RECORDS, max_size=25), st.integers(0, 25))
@settings(max_examples=100)
def test_any_part_of_any_journal_can_be_folded(records, cut):
    """Folding any records, cut anywhere, never raises, and books each fill once."""
    state = fold(records[:cut])
    trades = {(r.venue, r.trade_id): r for r in reversed(records[:cut]) if isinstance(r, Fill)}
    assert sum(p.own_fees_e18 for p in state.portfolio.positions()) == sum(fill.fee_e18 for fill in trades.values())
