"""From an RFQ to a quote and to its fills: what waits, what stands, what is priced anew, and what weighs meanwhile."""

import msgspec
import pytest
from risk.books_at_risk import limits
from strategies.resident import CALL, NOW_NS, SECOND, Resident, book, instrument, mark, rfq

from atomizer.app.ledger import Ledger
from atomizer.app.own_prices import OwnPrices
from atomizer.app.quoting import Quoting
from atomizer.app.rfq_source import Ways
from atomizer.domain.instruments import NANOS, parse_name
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Fill, QuoteAnswered, QuoteOutcome, Rfq, RfqLeg, Side, Signed
from atomizer.errors import Disconnected
from atomizer.journal.frames import Identity
from atomizer.risk.exposure import RunningExposure
from atomizer.risk.gate import Gate
from atomizer.strategies.pricing import BookPricer, BookPricerParams, Edge
from atomizer.strategies.rfq_responder import ResponderParams, RfqResponder

PUT = "ETH-20250627-2400-P"
VALID_S = 30


class Asked(msgspec.Struct, frozen=True):
    """A request on a grid of one tenth."""

    rfq: Rfq
    deadline_ns: int = NOW_NS + 600 * SECOND

    def tick_nanos(self, _leg, _price_nanos):
        return NANOS // 10


class Venue:
    """Where quotes leave to: keeps them, or is down."""

    def __init__(self):
        self.quotes = []
        self.taken_back = []
        self.is_down = False
        self.bars = ""
        self.closed = set()
        self.lives = 1

    def signed(self, _leg, valid_for_s):
        return Signed(life_ns=valid_for_s * SECOND * self.lives)

    def barred(self):
        return self.bars

    def is_open(self, request):
        return request.rfq.rfq_id not in self.closed

    def send_quote(self, _request, quote):
        if self.is_down:
            raise Disconnected("derive", "down")
        self.quotes.append(quote)

    def take_back(self, request):
        self.taken_back.append(request.rfq.rfq_id)


class Counter:
    def __init__(self):
        self.last = 0

    def next(self, _now_ns):
        self.last += 1
        return self.last


class Floor:
    """A responder on a resident market with the call and the put in its books."""

    def __init__(self, directory, *, currency="USD", pays_coin=False, at_once=16):
        unit = NANOS if currency == "USD" else NANOS // 2500  # of what a USD costs in its coin
        listed = [
            instrument(name, taker_fee_nanos=0, base_fee_nanos=0, fee_cap_nanos=0, currency=currency)
            for name in (CALL, PUT)
        ]
        self.unit = unit
        self.market = Resident(
            listed, {}, [mark(name, mark_nanos=100 * unit, currency=currency) for name in (CALL, PUT)]
        )
        self.move(CALL, 99, 101)
        self.move(PUT, 99, 101)
        self.now_ns = NOW_NS
        self.exposure = RunningExposure()
        for each in self.market.marks.values():
            self.exposure.on_mark(each)
        self.ledger = Ledger(directory, Identity("derive", "test"))
        self.ledger.state.portfolio.watch(self.exposure.hold)
        edge = Edge(usd_nanos=NANOS)
        pricing = BookPricerParams(target=edge, minimum=edge, max_book_age_ns=10**15, max_mark_age_ns=10**15)
        self.quoting = Quoting(
            ledger=self.ledger,
            gate=Gate(limits(max_mark_age_ns=10**15)),
            responder=RfqResponder(ResponderParams(step_nanos=1, reprice_bps=100), BookPricer(pricing, self.market)),
            fused=None,
            exposure=self.exposure,
            market=self.market,
            source="derive",
            pays_coin=pays_coin,
            own_prices=OwnPrices([], are_needed=False),
            nonces=Counter(),
            valid_for_s=VALID_S,
            at_once=at_once,
            clock_ns=lambda: self.now_ns,
        )
        self.quoting.measure = lambda name, _now_ns: self.exposure.measure(name, 0)
        self.venue = Venue()

    def move(self, name, bid, ask):
        self.market.books[name] = book([(bid * self.unit, 20 * NANOS)], [(ask * self.unit, 20 * NANOS)])

    def begin(self):
        self.quoting.begin(Ways(self.venue, standing=self.venue))

    def look(self):
        self.quoting.look(self.now_ns)

    def fill(self, quote, leg, **changes):
        fields = {
            "now_ns": self.now_ns,
            "venue": "derive",
            "trade_id": f"t-{leg.instrument}",
            "client_id": str(quote.nonce),
            "instrument": leg.instrument,
            "side": leg.side,
            "price_nanos": leg.price_nanos,
            "amount_nanos": leg.quantity_nanos,
            "fee_e18": 0,
            "is_maker": True,
            "venue_time_ns": self.now_ns,
        }
        self.quoting.on_fill(Fill(**(fields | changes)))

    def prices(self):
        return [quote.price_nanos for quote in self.venue.quotes]


@pytest.fixture
def floor(tmp_path):
    return Floor(tmp_path)


def one(rfq_id="r-1", **changes):
    return Asked(rfq(NANOS, rfq_id=rfq_id, **changes))


def spread(rfq_id="s-1"):
    """We would buy a call and sell two puts."""
    return Asked(msgspec.structs.replace(rfq(NANOS, rfq_id=rfq_id), more=(RfqLeg(parse_name(PUT), 2 * NANOS, True),)))


def test_what_was_asked_before_we_could_answer_is_answered_then(floor):
    """Nothing is declined for having come early; one that ended meanwhile is."""
    floor.quoting.on_request(one())
    floor.quoting.on_request(Asked(rfq(NANOS, rfq_id="over"), deadline_ns=NOW_NS))
    assert (floor.quoting.seen, floor.venue.quotes) == (0, [])
    floor.begin()
    floor.look()
    assert [quote.rfq_id for quote in floor.venue.quotes] == ["r-1"]
    assert floor.quoting.declines == {Reason.EXPIRED: 1}


def test_so_many_are_priced_at_once(tmp_path):
    """What waits, and what stands after a move, is taken in turns."""
    floor = Floor(tmp_path, at_once=2)
    for number in range(3):
        floor.quoting.on_request(one(f"r-{number}"))
    floor.begin()
    floor.look()
    assert len(floor.venue.quotes) == 2
    floor.look()
    assert len(floor.venue.quotes) == 3
    floor.move(CALL, 90, 92)
    floor.look()
    floor.look()
    assert sorted(quote.rfq_id for quote in floor.venue.quotes[3:]) == ["r-0", "r-1", "r-2"]
    assert floor.quoting.requotes == 3


def counts(floor):
    quoting = floor.quoting
    return quoting.seen, quoting.quoted, dict(quoting.declines)


def test_what_was_declined_for_what_passes_is_quoted_once_it_has(floor):
    """Seen once, and counted by its last word, however often it was looked at."""
    floor.begin()
    floor.market.books[CALL].darken()
    floor.quoting.on_request(one())
    floor.look()
    assert counts(floor) == (1, 0, {Reason.NO_BOOK: 1})
    floor.move(CALL, 0.5, 101)
    floor.look()
    assert counts(floor) == (1, 0, {Reason.UNPROFITABLE: 1})
    floor.move(CALL, 99, 101)
    floor.look()
    floor.look()
    assert counts(floor) == (1, 1, {})
    assert floor.prices() == [98 * NANOS]
    assert floor.ledger.state.has_rfq(one().rfq.source, "r-1")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Asked(rfq(NANOS, name="ETH-20250627-9000-C")), Reason.UNLISTED),
        (Asked(rfq(10**6 * NANOS)), Reason.MAX_SIZE),
        (Asked(rfq(NANOS), deadline_ns=NOW_NS), Reason.EXPIRED),
    ],
)
def test_what_was_declined_for_good_is_not_looked_at_again(floor, asked, reason):
    """Whatever the market does."""
    floor.begin()
    floor.market.books[CALL] = book([(99 * NANOS, 10**7 * NANOS)], [(101 * NANOS, 10**7 * NANOS)])
    floor.quoting.on_request(asked)
    floor.quoting.measure = pytest.fail
    floor.look()
    assert counts(floor) == (1, 0, {reason: 1})


def test_room_that_other_quotes_took_is_used_when_they_give_it_back(tmp_path):
    """A limit that a quote in play fills declines the next RFQ for as long as that quote may be taken."""
    floor = Floor(tmp_path, at_once=1)
    floor.quoting._gate.use(limits(max_mark_age_ns=10**15, max_position_nanos=NANOS))
    floor.begin()
    for rfq_id in ("r-1", "r-2", "r-3"):
        floor.quoting.on_request(one(rfq_id))
    floor.look()
    assert counts(floor) == (3, 1, {Reason.MAX_POSITION: 2})
    floor.venue.closed.add("r-1")
    floor.quoting.on_answer(QuoteAnswered(now_ns=NOW_NS, source="derive", rfq_id="r-1", outcome=QuoteOutcome.ENDED))
    for _ in range(3):
        floor.look()
    assert [quote.rfq_id for quote in floor.venue.quotes] == ["r-1", "r-3"]  # in turns, one a look
    assert counts(floor) == (3, 2, {Reason.MAX_POSITION: 1})


def test_nothing_is_looked_at_again_once_its_time_is_over_or_the_source_says_so(floor):
    """The last word stays."""
    floor.begin()
    floor.market.books[CALL].darken()
    floor.quoting.on_request(Asked(rfq(NANOS), deadline_ns=NOW_NS + SECOND))
    floor.quoting.on_request(one("r-2"))
    floor.now_ns += SECOND
    floor.venue.closed.add("r-2")
    floor.move(CALL, 99, 101)
    floor.look()
    assert (floor.venue.quotes, counts(floor)) == ([], (2, 0, {Reason.NO_BOOK: 2}))


def test_a_way_out_that_is_barred_leaves_nothing_in_the_journal(floor):
    """It is asked before the intent is written; what was to go out goes once there is a way, after a rest."""
    floor.begin()
    floor.venue.bars = "rate budget is used up"
    floor.quoting.on_request(one())
    floor.look()
    assert counts(floor) == (1, 0, {Reason.NOT_CONNECTED: 1})
    assert list(floor.ledger.state.quotes("derive")) == []
    floor.venue.bars = ""
    floor.look()
    assert floor.venue.quotes == []
    floor.now_ns += 2 * SECOND
    floor.look()
    assert counts(floor) == (1, 1, {})


def test_a_quote_that_cannot_be_sent_is_not_written_again_at_every_look(floor):
    """What the source turns away after the intent was written rests, so that the journal does not fill with it."""
    floor.begin()
    floor.venue.is_down = True
    floor.quoting.on_request(one())
    for _ in range(40):  # of 100 ms each
        floor.now_ns += SECOND // 10
        floor.look()
    assert len(list(floor.ledger.state.quotes("derive"))) == 3
    assert counts(floor) == (1, 0, {Reason.NOT_CONNECTED: 1})


def test_the_same_rfq_heard_twice_is_a_duplicate_and_is_still_quoted(floor):
    """That it came again does not end it."""
    floor.begin()
    floor.market.books[CALL].darken()
    floor.quoting.on_request(one())
    floor.quoting.on_request(one())
    floor.move(CALL, 99, 101)
    floor.look()
    assert counts(floor) == (2, 1, {Reason.DUPLICATE: 1})


def test_after_the_end_everything_is_declined(floor):
    """And what waited is forgotten."""
    floor.quoting.on_request(one())
    floor.quoting.end()
    floor.quoting.on_request(one("r-2"))
    assert (floor.venue.quotes, floor.quoting.declines) == ([], {Reason.GATE_SHUT: 1})


def test_a_quote_follows_its_book_by_the_threshold(floor):
    """Within it the quote stays; beyond it another takes its place, in the journal, too."""
    floor.begin()
    floor.quoting.on_request(one())
    floor.move(CALL, 100, 102)  # by 101 bp
    floor.look()
    floor.look()
    assert floor.prices() == [98 * NANOS, 99 * NANOS]
    assert floor.ledger.state.quote("derive", "2").price_nanos == 99 * NANOS
    assert floor.exposure.premium_e18 == 99 * 10**18  # the new one alone


def test_a_quote_is_shown_anew_before_its_life_ends(floor):
    """So that there is no gap while the RFQ goes on."""
    floor.begin()
    floor.quoting.on_request(one())
    floor.now_ns += (VALID_S - 3) * SECOND
    floor.look()
    assert len(floor.venue.quotes) == 1
    floor.now_ns += SECOND
    floor.look()
    assert floor.venue.quotes[1].valid_until_s == floor.now_ns // SECOND + VALID_S


def test_a_quote_that_cannot_be_priced_any_more_is_taken_back_once(floor):
    """It weighs until the venue has said that it is gone."""
    floor.begin()
    floor.quoting.on_request(one())
    floor.market.books[CALL].darken()
    floor.look()
    floor.look()
    assert floor.venue.taken_back == ["r-1"]
    assert floor.exposure.premium_e18 == 98 * 10**18
    floor.quoting.on_answer(QuoteAnswered(now_ns=NOW_NS, source="derive", rfq_id="r-1", outcome=QuoteOutcome.ENDED))
    assert floor.exposure.premium_e18 == 0
    floor.move(CALL, 99, 101)
    floor.look()
    assert len(floor.venue.quotes) == 1
    floor.now_ns += 2 * SECOND  # of rest
    floor.look()
    assert len(floor.venue.quotes) == 2
    assert (counts(floor), floor.quoting.requotes) == ((1, 1, {}), 1)


def test_a_quote_that_cannot_be_replaced_is_taken_back(floor):
    """Nothing was sent, so the old one stands and weighs; its price is not ours any more."""
    floor.begin()
    floor.quoting.on_request(one())
    floor.move(CALL, 80, 82)
    floor.venue.is_down = True
    floor.look()
    assert (floor.venue.taken_back, floor.exposure.premium_e18) == (["r-1"], 98 * 10**18)


@pytest.mark.parametrize("asked", [one(), spread()])
def test_a_quote_whose_signature_would_allow_too_much_does_not_leave(floor, asked):
    """What the source would have us sign is held against the limits, of one leg or several."""
    floor.venue.lives = 100
    floor.begin()
    floor.quoting.on_request(asked)
    assert (floor.venue.quotes, floor.quoting.declines) == ([], {Reason.MAX_LIFE: 1})


def test_a_structure_weighs_leg_by_leg_until_each_is_booked(floor):
    """One win; the legs that are no position yet still weigh as a quote."""
    floor.begin()
    floor.quoting.on_request(spread())
    [quote] = floor.venue.quotes
    assert [(leg.instrument, leg.side, leg.price_nanos) for leg in quote.legs] == [
        (CALL, Side.BUY, 98 * NANOS),
        (PUT, Side.SELL, 102 * NANOS),
    ]
    assert floor.exposure.premium_e18 == 0  # it brings more than it costs
    floor.fill(quote, quote.legs[0])
    assert (floor.quoting.won, floor.exposure.measure(PUT, 0).position.low) == (1, -2 * NANOS)
    floor.fill(quote, quote.legs[1])
    span = floor.exposure.measure(PUT, 0).position
    assert (floor.quoting.won, span.now, span.low) == (1, -2 * NANOS, -2 * NANOS)
    assert len(floor.ledger.state.unhedged_wins()) == 2


@pytest.mark.parametrize("changes", [{"instrument": "ETH-PERP"}, {"amount_nanos": 1}, {"side": Side.BUY}])
def test_a_fill_that_is_no_leg_of_the_quote_is_not_booked(floor, changes):
    """Another instrument, amount or side than was signed for that leg: told, and not guessed at."""
    floor.begin()
    floor.quoting.on_request(spread())
    [quote] = floor.venue.quotes
    floor.fill(quote, quote.legs[1], **changes)
    assert (floor.quoting.won, floor.ledger.state.unhedged_wins()) == (0, [])


@pytest.mark.parametrize(("pays_coin", "price"), [(True, 39_200_000), (False, 98 * NANOS)])
def test_a_book_in_coins_gives_a_price_in_what_the_source_pays(tmp_path, pays_coin, price):
    """A source that pays coins is quoted in them; any other in USD, by the index price, and weighs the same."""
    floor = Floor(tmp_path, currency="ETH", pays_coin=pays_coin)
    floor.begin()
    asked = rfq(NANOS)
    floor.quoting.on_request(Fine(asked) if pays_coin else Asked(asked))
    assert floor.prices() == [price]
    assert floor.exposure.premium_e18 == 98 * 10**18


class Fine(Asked, frozen=True):
    """A request on a grid of a ten thousandth."""

    def tick_nanos(self, _leg, _price_nanos):
        return NANOS // 10_000
