"""Our Rysk positions against the venue's own: what is booked, what is only told, and what is not quoted meanwhile."""

import asyncio
import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from atomizer.app.ledger import Ledger
from atomizer.app.rysk_custody import SHOWN_WITHIN_NS, RyskCustody
from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.trading import Fill, PositionsCompared, QuoteSent, Side
from atomizer.errors import OutcomeUnknown
from atomizer.journal.frames import Identity
from atomizer.journal.reader import JournalReader
from atomizer.venues.rysk.account import RyskPosition

CALL, PUT = "ETH-20300628-3000-C", "ETH-20300628-2500-P"
START_NS = 1_900_000_000 * NANOS
VALID_S = 30
WETH, WBTC = "0x" + "11" * 20, "0x" + "22" * 20


class Rysk:
    """The venue's account of our maker, as it settles: each trade shows some time after it was made."""

    def __init__(self):
        self.trades = []  # (quote, when it shows)
        self.others = []  # rows of somebody else's making
        self.is_silent = False
        self.on_asked = lambda: None

    async def positions(self):
        if self.is_silent:
            raise OutcomeUnknown("rysk", "no answer")
        rows = [row(quote) for quote, shows_ns in self.trades if shows_ns <= self.clock_ns()]
        self.on_asked()
        return [*rows, *self.others]


def row(quote, otoken="0x" + "0a" * 20):
    amount = quote.side * quote.quantity_nanos
    return RyskPosition(otoken, WETH, parse_name(quote.instrument), amount * NANOS, amount * quote.price_nanos)


class Trading:
    """A trader's books at a venue that may tell of its trades, or not. Time is a number."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.rysk = Rysk()
        self.rysk.clock_ns = lambda: self.now_ns
        self.now_ns = START_NS
        self.nonce = 0
        self.ledger = None
        self.restart()

    def restart(self):
        if self.ledger is not None:
            self.ledger.journal.close()
        self.ledger = Ledger(self.directory, Identity("derive", "7"))
        self.booked = []  # what the custody booked in this run
        self.custody = RyskCustody(
            ledger=self.ledger,
            venue=self.rysk,
            valid_for_s=VALID_S,
            clock_ns=lambda: self.now_ns,
            on_fill=self.on_fill,
            grace_s=0,
        )

    def on_fill(self, fill):
        if self.ledger.write(fill):
            self.booked.append(fill.trade_id)

    def quote(self, instrument=CALL, price_nanos=10 * NANOS, side=Side.BUY, quantity_nanos=NANOS, rfq_id=None):
        self.nonce += 1
        self.now_ns += 1_000
        sent = QuoteSent(
            now_ns=self.now_ns,
            source="rysk",
            rfq_id=f"rfq-{self.nonce}" if rfq_id is None else rfq_id,
            nonce=self.nonce,
            instrument=instrument,
            side=side,
            price_nanos=price_nanos,
            quantity_nanos=quantity_nanos,
            valid_until_s=self.now_ns // NANOS + VALID_S,
            fair_nanos=price_nanos,
        )
        self.ledger.write(sent)
        return sent

    def trade(self, quote, *, is_heard=False, shows_after_ns=0):
        self.rysk.trades.append((quote, self.now_ns + shows_after_ns))
        if is_heard:
            self.hear(quote)

    def hear(self, quote):
        nonce = str(quote.nonce)
        return self.ledger.write(
            Fill(
                now_ns=self.now_ns,
                venue="rysk",
                trade_id=nonce,
                client_id=nonce,
                instrument=quote.instrument,
                side=quote.side,
                price_nanos=quote.price_nanos,
                amount_nanos=quote.quantity_nanos,
                fee_e18=0,
                is_maker=True,
                venue_time_ns=self.now_ns,
            )
        )

    def reconcile(self):
        self.now_ns += 1_000
        asyncio.run(self.custody.reconcile())

    def in_doubt(self, instrument=CALL):
        return self.ledger.state.doubting(instrument) == "rysk"

    def amount(self, instrument=CALL):
        position = self.ledger.state.portfolio.position("rysk", instrument)
        return 0 if position is None else position.amount_nanos


@pytest.fixture
def trading(tmp_path):
    trading = Trading(tmp_path)
    yield trading
    if trading.ledger is not None:
        trading.ledger.journal.close()


@pytest.fixture
def told(caplog):
    """Lines of level error, which people are woken for."""
    caplog.set_level(logging.ERROR)
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_missed_trade_is_booked_once(trading, told):
    """A trade that nobody told us of is booked as it was quoted, and its notice that comes later changes nothing."""
    missed = trading.quote(price_nanos=11 * NANOS)
    trading.quote()
    trading.trade(missed)
    trading.reconcile()
    assert (trading.booked, trading.amount(), trading.in_doubt()) == ([str(missed.nonce)], NANOS, False)
    assert not trading.hear(missed)
    trading.reconcile()
    assert (len(trading.booked), trading.amount(), told()) == (1, NANOS, [])


def test_a_notice_that_is_on_its_way_is_waited_for(trading):
    """A trade whose notice comes while we compare is the notice's, with its fee and time, and is not booked for it."""
    quote = trading.quote()
    trading.trade(quote)
    trading.rysk.on_asked = lambda: asyncio.get_running_loop().call_soon(trading.hear, quote)
    trading.reconcile()
    assert (trading.booked, trading.amount(), trading.in_doubt()) == ([], NANOS, False)


def test_a_trade_that_is_still_settling_is_no_difference(trading, told):
    """A trade that we were told of and the venue does not show yet is neither doubted nor booked again."""
    trading.trade(trading.quote(), is_heard=True, shows_after_ns=20 * NANOS)
    for _ in range(3):
        trading.reconcile()
        trading.now_ns += 10 * NANOS
    assert (trading.booked, trading.in_doubt(), told()) == ([], False, [])


def test_a_trade_may_show_after_its_quote_has_ended(trading):
    """A trade that the venue shows late is found, although the positions had agreed after the quote's validity."""
    trading.trade(trading.quote(), shows_after_ns=45 * NANOS)
    for wait_s in (31, 20):
        trading.now_ns += wait_s * NANOS
        trading.reconcile()
    assert trading.booked == ["1"]


def test_quotes_that_cannot_have_traded_explain_nothing(trading):
    """Of equal quotes, one that ended before the positions agreed and one sent after we asked are out of question."""
    trading.quote()
    trading.now_ns += VALID_S * NANOS + SHOWN_WITHIN_NS + NANOS
    trading.reconcile()
    trading.trade(trading.quote())
    trading.rysk.on_asked = trading.quote
    trading.reconcile()
    assert (trading.booked, trading.in_doubt()) == (["2"], False)


def test_what_is_ambiguous_is_told_and_not_quoted_until_it_is_clear(trading, told):
    """Which of two equal quotes traded is not guessed: told once, remembered over a restart, cleared by the notice."""
    twins = [trading.quote(), trading.quote()]
    trading.trade(twins[1])
    trading.reconcile()
    trading.reconcile()
    assert (trading.booked, trading.amount(), trading.in_doubt(), trading.in_doubt(PUT)) == ([], 0, True, False)
    assert len(told()) == 1
    assert "nothing booked, not quoted until they agree: more than one choice of our quotes explains it" in told()[0]
    trading.restart()
    assert trading.in_doubt()
    trading.hear(twins[1])
    trading.reconcile()
    assert (trading.booked, trading.in_doubt(), len(told())) == ([], False, 1)


def test_a_doubt_is_resolved_by_older_quotes_too(trading):
    """While a position is in doubt no quote that could explain it is forgotten, however often the rest agreed."""
    first, second = trading.quote(), trading.quote(price_nanos=12 * NANOS)
    trading.trade(first, shows_after_ns=100 * NANOS)
    stranger = row(trading.quote(side=Side.SELL, price_nanos=5 * NANOS), otoken="0x" + "0b" * 20)
    trading.rysk.others = [stranger, stranger]  # twice what we would have sold
    for _ in range(4):
        trading.reconcile()
        trading.now_ns += 40 * NANOS
    assert trading.in_doubt()
    trading.rysk.others = []
    trading.reconcile()
    assert (trading.booked, trading.in_doubt()) == ([str(first.nonce)], False)
    assert second.nonce


def test_positions_of_another_are_told_and_not_booked(trading, told):
    """An option that this journal never quoted is told of as such, not booked, and not to be quoted."""
    trading.rysk.others = [row(structs.replace(trading.quote(PUT), instrument=CALL))]
    trading.reconcile()
    assert (trading.booked, trading.in_doubt(), trading.in_doubt(PUT)) == ([], True, False)
    assert "this journal never quoted it" in told()[0]


def test_an_option_without_a_symbol_is_told_once(trading, told):
    """What we cannot name we cannot compare, and say so."""
    trading.rysk.others = [RyskPosition("0x" + "0c" * 20, WBTC, None, 5 * 10**17, 1)]
    trading.reconcile()
    trading.reconcile()
    assert len(told()) == 1
    assert f"0.5 of an option on {WBTC}" in told()[0]


def test_a_premium_alone_is_told_and_quoted(trading, told):
    """Where only the premium differs we hold what we think we hold: told once, and quoted on."""
    quote = trading.quote()
    trading.trade(quote, is_heard=True)
    trading.rysk.others = [RyskPosition("0x" + "0c" * 20, WETH, parse_name(CALL), 0, 1)]
    trading.reconcile()
    trading.reconcile()
    assert (trading.booked, trading.in_doubt(), len(told())) == ([], False, 1)
    assert "the premium differs" in told()[0]


def test_one_contract_of_several_tokens_is_one_position(trading, told):
    """The same contract in two option tokens, of two collaterals, adds up."""
    sold, bought = trading.quote(side=Side.SELL, price_nanos=9 * NANOS), trading.quote()
    trading.rysk.others = [row(sold), row(bought, otoken="0x" + "0d" * 20)]
    trading.hear(sold)
    trading.reconcile()
    assert (trading.booked, trading.amount(), told()) == ([str(bought.nonce)], 0, [])


def test_what_has_expired_is_not_compared(trading, told):
    """After its expiry an option may be gone from the venue or not: nothing of it is booked, doubted or told."""
    trading.trade(trading.quote(), is_heard=True)
    trading.trade(trading.quote(PUT))
    trading.rysk.trades.pop(0)
    trading.now_ns = parse_name(CALL).expiry_s * NANOS
    trading.reconcile()
    assert (trading.booked, trading.in_doubt(), told()) == ([], False, [])


def test_a_position_that_is_flat_need_not_be_shown(trading, told):
    """What we bought and sold again may be missing from the venue's answer."""
    for side in Side:
        trading.hear(trading.quote(side=side, price_nanos=(12 - side) * NANOS))
    trading.now_ns += 100 * NANOS
    trading.reconcile()
    assert (trading.in_doubt(), told()) == (False, [])


def test_a_venue_that_does_not_answer_changes_nothing(trading):
    """Without an answer nothing is booked, and nothing counts as compared."""
    trading.trade(trading.quote())
    trading.rysk.is_silent = True
    with pytest.raises(OutcomeUnknown):
        trading.reconcile()
    assert (trading.booked, trading.ledger.state.agreed_ns("rysk", CALL)) == ([], 0)
    trading.rysk.is_silent = False
    trading.reconcile()
    assert trading.booked == ["1"]


def test_quotes_are_followed_until_they_cannot_trade(trading):
    """After a reconnect the venue is asked again and again, by one loop however many want it, and then no more."""
    asked = []
    trading.rysk.on_asked = lambda: asked.append(trading.now_ns)

    async def follow_twice():
        async with asyncio.timeout(10):
            first = asyncio.create_task(trading.custody.follow())
            await asyncio.sleep(0.01)
            await trading.custody.follow()
            assert len(asked) == 1
            trading.now_ns += (VALID_S + 1) * NANOS
            await first

    asyncio.run(follow_twice())
    assert len(asked) == 1


def test_every_comparison_is_in_the_journal(trading):
    """When we asked and what did not agree is written down, so that the next run knows both."""
    trading.quote()
    trading.rysk.others = [row(trading.quote(PUT, quantity_nanos=3)), row(trading.quote(quantity_nanos=5))] * 2
    trading.reconcile()
    trading.ledger.journal.close()
    with JournalReader(trading.directory / "journal.atj") as journal:
        compared = [entry.record for entry in journal.read() if isinstance(entry.record, PositionsCompared)]
    assert compared == [PositionsCompared(now_ns=trading.now_ns, venue="rysk", differing=(PUT, CALL))]


# A day: quotes that trade heard or unheard, now or as their validity ends, restarts, and looks at the venue.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["quote", "quote", "trade unheard", "trade heard", "look", "restart", "wait"]),
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 10**12))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_on_any_day_only_real_trades_are_booked(steps, price_nanos):
    """Whatever is heard, missed, late or interrupted, only trades that were made are booked, and none stays unknown."""
    with tempfile.TemporaryDirectory() as directory:
        day = Trading(directory)
        quotes, traded = [], []
        for action, which, how in steps:
            live = [each for each in quotes if each not in traded and each.valid_until_s * NANOS > day.now_ns]
            live = [each for each in live if each.rfq_id not in {other.rfq_id for other in traded}]
            if action == "quote":
                # Every third quote is for the RFQ of the last one; prices repeat now and then.
                rfq_id = quotes[-1].rfq_id if quotes and how == 3 and quotes[-1] in live else None
                side = Side.SELL if which == 5 else Side.BUY
                amount = (how + 1) * 10**8
                price = price_nanos + which * 7_919 + len(quotes) * (which != 4)
                quotes.append(day.quote(CALL if which < 3 else PUT, price, side, amount, rfq_id))
            elif action.startswith("trade") and live:
                traded.append(live[which % len(live)])
                day.trade(traded[-1], is_heard=action == "trade heard", shows_after_ns=how * 5 * NANOS)
            elif action == "look":
                day.reconcile()
            elif action == "restart":
                day.restart()
            else:
                day.now_ns += which * 4 * NANOS
        day.now_ns += SHOWN_WITHIN_NS + VALID_S * NANOS
        day.reconcile()
        booked = {str(each.nonce) for each in quotes if day.ledger.state.orders.has_fill("rysk", str(each.nonce))}
        made = {str(each.nonce) for each in traded}
        assert booked <= made
        for name in (CALL, PUT):
            amount = sum(each.side * each.quantity_nanos for each in traded if each.instrument == name)
            assert day.amount(name) == amount or day.in_doubt(name)
        day.ledger.journal.close()
