"""RFQs at practice Derive over real sockets: one session asks, another answers, and both hold what was traded."""

import asyncio
import contextlib
import re
import time
from decimal import Decimal

import msgspec
import pytest
from derive_wire import Wire
from flow.running import PATIENCE_S

from atomizer._core.book import NO_PRICE
from atomizer._core.ecdsa import Signer
from atomizer._core.fixed import ceil_to, floor_to
from atomizer.app.quote_terms import verify_fill
from atomizer.domain.reasons import Reason
from atomizer.domain.session import Connected
from atomizer.domain.trading import Fill, OrderState, Protection, QuoteLeg, QuoteOutcome, QuoteSent, Side
from atomizer.errors import ConfigError, Disconnected, Refused
from atomizer.net import rpc
from atomizer.sim.derive import PRACTICE_ACCOUNT, Account, Venue, serve
from atomizer.sim.market import Market
from atomizer.venues.derive.auth import Credentials
from atomizer.venues.derive.profile import choose_profile
from atomizer.venues.derive.rfq_codec import Leg
from atomizer.venues.derive.session import DeriveSession

# Public anvil test keys: #0 is the maker's session key, #1 an owner that signs for itself.
MAKER_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
TAKER_KEY = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
TAKER_WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TAKER = Account(TAKER_WALLET, (), 30770, Decimal(1_000_000))
SECOND = 10**9
PROTECTION = Protection(
    underlying="ETH",
    window_ms=5000,
    frozen_ms=3000,  # time enough to be refused within
    amount_limit_nanos=1000 * SECOND,
    delta_limit_nanos=1000 * SECOND,
)
PATHS = {"v2": "/ws", "v3": "/v3/ws"}


class Heard:
    """What a maker hears of RFQs, in order; answers nothing by itself."""

    def __init__(self):
        self.requests = []
        self.answers = []
        self.bad = []

    def on_request(self, request):
        self.requests.append(request)

    def on_answer(self, answer):
        self.answers.append(answer)

    def on_bad_frame(self, error):
        self.bad.append(error.reason)

    def outcomes(self):
        return [answer.outcome for answer in self.answers]


class Market2:
    """A maker and a taker in sessions of their own; the maker's goes through a wire."""

    def __init__(self, version, wire, taker_url):
        self.wire = wire
        self.fills = []
        self.connected = 0
        self.heard = Heard()
        self.session = self.make(version, wire.url, Credentials(PRACTICE_ACCOUNT.wallet, Signer(MAKER_KEY), 30769))
        self.other = self.make(version, taker_url, Credentials(TAKER_WALLET, Signer(TAKER_KEY), 30770))
        self.maker = None

    def make(self, version, url, credentials):
        profile = choose_profile(version, is_test=True, url=url)
        return DeriveSession(profile, credentials, underlyings=["ETH"], emit=self.note, now_ns=time.time_ns)

    def note(self, event):
        if isinstance(event, Fill):
            self.fills.append(event)
        elif isinstance(event, Connected):
            self.connected += 1

    def two_sided(self):
        """Calls with a two-sided book."""
        session = self.session
        return [
            name
            for name in session.names
            if name.endswith("-C") and NO_PRICE not in {session.book(name).best_bid(), session.book(name).best_ask()}
        ]

    def legs(self):
        return [Leg(self.two_sided()[0], Side.BUY, SECOND)]

    def quote(self, request, price_nanos=None, *, valid_for_s=60):
        """Answer a request at the touch that is ours of each leg."""
        now_ns = time.time_ns()
        first, *more = (self.leg(request, number, price_nanos) for number in range(len(request.rfq.legs)))
        quote = QuoteSent(
            now_ns=now_ns,
            source="derive",
            rfq_id=request.rfq.rfq_id,
            nonce=self.session.next_nonce(now_ns),
            instrument=first.instrument,
            side=first.side,
            price_nanos=first.price_nanos,
            quantity_nanos=first.quantity_nanos,
            valid_until_s=now_ns // SECOND + valid_for_s,
            fair_nanos=first.fair_nanos,
            more=tuple(more),
        )
        self.maker.send_quote(request, quote)
        return quote

    def leg(self, request, number, price_nanos):
        asked = request.rfq.legs[number]
        book, side = self.session.book(asked.contract.name), asked.side
        touch = book.best_bid() if side is Side.BUY else book.best_ask()
        price_nanos = price_nanos or touch
        rounded = (floor_to if side is Side.BUY else ceil_to)(price_nanos, request.tick_nanos(number, price_nanos))
        return QuoteLeg(asked.contract.name, side, rounded, asked.quantity_nanos, rounded)


async def eventually(is_there):
    """For what no event announces."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_there():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.02)


def lose(floor, method, monkeypatch):
    """The next such request never arrives and is soon given up; what is sent after it has the usual time."""

    def to_venue(text):
        if method not in text:
            return text
        monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", 5 * SECOND)
        return None

    monkeypatch.setattr(rpc, "ANSWER_WITHIN_NS", SECOND // 4)
    floor.wire.to_venue = to_venue


async def play(market, venue):
    while True:
        now_ns = time.time_ns()
        venue.on_market([event for event in market.advance(now_ns) if not hasattr(event, "rfq_id")], now_ns)
        venue.publish(now_ns)
        await asyncio.sleep(0.05)


@pytest.fixture(params=list(PATHS))
async def floor(request):
    market = Market(7, time.time_ns())
    venue = Venue(market, (PRACTICE_ACCOUNT, TAKER))
    async with contextlib.AsyncExitStack() as stack:
        runner, port = await serve(venue, "127.0.0.1", 0)
        stack.push_async_callback(runner.cleanup)
        playing = asyncio.create_task(play(market, venue))
        stack.callback(playing.cancel)
        url = f"ws://127.0.0.1:{port}{PATHS[request.param]}"
        wire = await stack.enter_async_context(Wire(url).listening())
        floor = Market2(request.param, wire, url)
        for session in (floor.session, floor.other):
            stack.push_async_callback(session.stop)
            await session.start()
        floor.maker = await floor.session.answer_rfqs(floor.heard, [PROTECTION])
        yield floor


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_a_quote_is_taken_and_booked_on_both_sides(floor, side):
    """One RFQ, a request for each side of ours; the quote that is taken fills under its nonce, at its price."""
    rfq = await floor.other.taker.ask(floor.legs(), label="bench")
    await eventually(lambda: len(floor.heard.requests) == 2)
    assert {request.rfq.side for request in floor.heard.requests} == {Side.BUY, Side.SELL}
    quotes = {request.rfq.side: floor.quote(request) for request in floor.heard.requests}
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS] * 2)
    params = floor.wire.requests("private/send_quote")[0]["params"]
    allowed = floor.maker.signed(quotes[Side.BUY].legs[0], 60)  # as the gate is told
    assert allowed.max_fee_nanos == pytest.approx(float(params["max_fee"]) * SECOND, rel=0.05)  # the index moves
    assert time.time_ns() + allowed.life_ns == pytest.approx(params["signature_expiry_sec"] * SECOND, abs=8 * SECOND)
    assert len(await floor.other.taker.quotes(rfq)) == 2
    best = await floor.other.taker.best(rfq, Side(-side))
    assert best.prices_nanos == (quotes[side].price_nanos,)
    done = await floor.other.taker.execute(best, time.time_ns())
    assert (done.state, done.is_maker, done.side) == (OrderState.FILLED, False, Side(-side))
    await eventually(lambda: len(floor.fills) == 2)
    [ours] = [fill for fill in floor.fills if fill.is_maker]
    assert (ours.client_id, ours.side) == (str(quotes[side].nonce), side)
    assert (ours.price_nanos, ours.amount_nanos) == (quotes[side].price_nanos, quotes[side].quantity_nanos)
    [position] = await floor.session.positions()
    assert position.amount_e18 == side * SECOND * 10**9
    await eventually(lambda: QuoteOutcome.ENDED in floor.heard.outcomes())  # of the other side: the RFQ has ended
    assert [fill.trade_id for fill in await floor.session.fills_since(rfq.created_ns // 10**6 - 1)] == [ours.trade_id]


async def test_a_quote_ends_when_it_should_and_its_side_may_be_quoted_again(floor):
    """Taken back at its own end, not the RFQ's; once the RFQ has ended it is over."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    first = floor.heard.requests[0]
    floor.quote(first, valid_for_s=1)
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS, QuoteOutcome.ENDED])
    assert floor.maker.is_open(first)
    floor.quote(first)
    await eventually(lambda: floor.heard.outcomes()[2:] == [QuoteOutcome.STANDS])
    await floor.other.taker.withdraw(rfq)
    await eventually(lambda: not floor.maker.is_open(first))


@pytest.mark.parametrize("by", ["the maker", "a kill"])
async def test_withdrawing_leaves_no_quote(floor, by):
    """Everything of ours is taken back at once; a session that cancels all there is takes quotes back, too."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    for request in floor.heard.requests:
        floor.quote(request)
    await eventually(lambda: len(floor.heard.answers) == 2)
    await (floor.maker.withdraw() if by == "the maker" else floor.session.cancel_all())
    await eventually(lambda: floor.heard.outcomes().count(QuoteOutcome.ENDED) == 2)
    assert await floor.other.taker.quotes(rfq) == []


async def test_a_refused_quote_says_why(floor):
    """An RFQ that has ended takes no quote, in the venue's words; off the tick nothing leaves at all."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    request = floor.heard.requests[0]
    with pytest.raises(Disconnected, match="tick"):
        floor.quote(msgspec.structs.replace(request, ticks_nanos=(1,)), price_nanos=10_000_001)
    await floor.other.taker.withdraw(rfq)
    floor.quote(request)
    await eventually(lambda: floor.heard.answers)
    [answer] = floor.heard.answers
    assert answer.outcome is QuoteOutcome.REFUSED
    assert "11104" in answer.detail or "not open" in answer.detail


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_a_structure_is_quoted_whole_and_booked_leg_by_leg(floor, side):
    """Takers ask for several legs in any order; our sign in each is the leg's times ours of the whole, and what is
    taken fills every leg under the one nonce, at the price that was signed for it.
    """
    [low, high] = sorted(floor.two_sided())[:2]
    await floor.other.taker.ask([Leg(high, Side.SELL, 2 * SECOND), Leg(low, Side.BUY, SECOND)])
    await eventually(lambda: len(floor.heard.requests) == 2)
    quotes = {request.side: floor.quote(request) for request in floor.heard.requests}
    assert {leg.instrument: leg.side for leg in quotes[side].legs} == {low: side, high: Side(-side)}
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS] * 2)
    rfq = floor.heard.requests[0].structure
    best = await floor.other.taker.best(rfq, Side(-side))
    await floor.other.taker.execute(best, time.time_ns())
    await eventually(lambda: len([fill for fill in floor.fills if fill.is_maker]) == 2)
    ours = {fill.instrument: fill for fill in floor.fills if fill.is_maker}
    for leg in quotes[side].legs:
        verify_fill(ours[leg.instrument], quotes[side])
    held = {position.instrument: position.amount_e18 for position in await floor.session.positions()}
    assert held == {low: side * SECOND * 10**9, high: -2 * side * SECOND * 10**9}


async def test_what_cannot_be_priced_names_its_reason(floor):
    """A structure without an option is none that we price: one counted reason, and no request."""
    await floor.other.taker.ask([Leg("ETH-PERP", Side.BUY, SECOND)])
    await eventually(lambda: floor.heard.bad)
    assert (floor.heard.bad, floor.heard.requests) == ([Reason.UNKNOWN_KIND], [])


async def test_another_quote_takes_the_place_of_the_first_in_one_message(floor):
    """Asked anew while a quote stands, it is replaced; the taker sees the new one alone, and nothing has ended."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    request = floor.heard.requests[0]
    floor.quote(request)
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS])
    tick = request.tick_nanos(0, 0)
    second = floor.quote(request, price_nanos=floor.leg(request, 0, 0).price_nanos - 3 * tick * request.rfq.side)
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS] * 2)
    assert [quote.prices_nanos for quote in await floor.other.taker.quotes(rfq)] == [(second.price_nanos,)]
    methods = ("send_quote", "replace_quote", "cancel_batch_quotes")
    assert [len(floor.wire.requests(f"private/{method}")) for method in methods] == [1, 1, 0]


async def test_a_replacement_that_is_half_done_ends_in_no_quote(floor):
    """The old quote went and the new one was refused: that is told, nothing stands, and the side is still open."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    request = floor.heard.requests[0]
    floor.quote(request)
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS])
    floor.wire.to_venue = lambda text: re.sub(rb'"max_fee":"[^"]*"', b'"max_fee":"0"', text)
    floor.quote(request)
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS, QuoteOutcome.REFUSED])
    assert await floor.other.taker.quotes(rfq) == []
    assert floor.maker.is_open(request)


async def test_a_replacement_that_was_not_done_takes_the_old_quote_back(floor):
    """Refused as a whole, the old price still stands; it is not ours any more, so it goes."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    floor.quote(floor.heard.requests[0])
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS])
    floor.wire.to_venue = lambda text: re.sub(rb'"nonce_to_cancel":\d+', b'"nonce_to_cancel":17', text)
    floor.quote(floor.heard.requests[0])
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS, QuoteOutcome.ENDED])
    assert await floor.other.taker.quotes(rfq) == []


async def test_a_replacement_whose_answer_was_lost_ends_in_no_quote(floor, monkeypatch):
    """Nobody knows which of both stands, so both are taken back."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    floor.quote(floor.heard.requests[0])
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS])
    lose(floor, b"private/replace_quote", monkeypatch)
    floor.quote(floor.heard.requests[0])
    await eventually(lambda: QuoteOutcome.ENDED in floor.heard.outcomes())
    assert await floor.other.taker.quotes(rfq) == []


async def test_the_protection_is_there_before_the_first_quote_and_pulls_what_it_must(floor):
    """Set and read back; too much taken pulls the quotes that count towards it, none leaves while it lasts, and then
    the sides are open again.
    """
    assert [state.protection for state in await floor.session.protections()] == [PROTECTION]
    await floor.session.protect(msgspec.structs.replace(PROTECTION, amount_limit_nanos=SECOND // 2))
    rfq = await floor.other.taker.ask(floor.legs())
    await floor.other.taker.ask([Leg(min(floor.two_sided()), Side.BUY, SECOND)])
    await eventually(lambda: len(floor.heard.requests) == 4)
    for request in floor.heard.requests:
        floor.quote(request)
    await eventually(lambda: len(floor.heard.answers) == 4)
    await floor.other.taker.execute(await floor.other.taker.best(rfq, Side.BUY), time.time_ns())
    await eventually(lambda: "mmp_trigger" in [answer.detail for answer in floor.heard.answers])
    with pytest.raises(Disconnected, match="protection has tripped"):
        floor.quote(floor.heard.requests[2])
    assert floor.maker.barred() == "the protection has tripped"
    assert [floor.maker.is_open(request) for request in floor.heard.requests] == [False, False, True, True]
    await eventually(lambda: not floor.maker.barred())
    floor.quote(floor.heard.requests[2])
    await eventually(lambda: floor.heard.answers[-1].outcome is QuoteOutcome.STANDS)


async def test_after_a_loss_quotes_are_gone_and_what_is_still_asked_is_open(floor):
    """Cancel on disconnect takes the quotes; nothing leaves until the session is back, and no RFQ is heard twice."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    floor.quote(floor.heard.requests[0])
    other = await floor.other.taker.ask([Leg(max(floor.two_sided()), Side.BUY, SECOND)])
    await eventually(lambda: floor.heard.answers and len(floor.heard.requests) == 4)
    floor.wire.cut()
    await eventually(lambda: floor.maker.barred() == "not connected")
    await floor.other.taker.withdraw(other)
    await eventually(lambda: floor.connected == 3 and not floor.maker.barred())
    assert floor.heard.outcomes() == [QuoteOutcome.STANDS, QuoteOutcome.ENDED]
    assert await floor.other.taker.quotes(rfq) == []
    assert [floor.maker.is_open(request) for request in floor.heard.requests] == [True, True, False, False]
    floor.quote(floor.heard.requests[0])
    await eventually(lambda: floor.heard.outcomes()[2:] == [QuoteOutcome.STANDS])


async def test_a_quote_whose_answer_was_lost_is_taken_back(floor, monkeypatch):
    """Nobody knows whether it stands, so it is taken back by its nonce, and it ends either way."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    lose(floor, b"private/send_quote", monkeypatch)
    floor.quote(floor.heard.requests[0])
    await eventually(lambda: floor.heard.answers)
    assert floor.heard.outcomes() == [QuoteOutcome.ENDED]
    assert await floor.other.taker.quotes(rfq) == []


async def test_who_is_no_maker_is_told_so(floor):
    """An account without the venue's approval cannot answer RFQs."""
    with pytest.raises(ConfigError, match="no RFQ maker"):
        await floor.other.answer_rfqs(Heard())


async def test_an_execution_of_what_has_ended_is_refused(floor):
    """A quote that is gone is not taken; the venue's code and words say so."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    for request in floor.heard.requests:
        floor.quote(request)
    await eventually(lambda: len(floor.heard.answers) == 2)
    best = await floor.other.taker.best(rfq, Side.BUY)
    await floor.maker.withdraw()
    with pytest.raises(Refused) as refused:
        await floor.other.taker.execute(best, time.time_ns())
    assert refused.value.code == 11104
    with contextlib.suppress(Refused):
        await floor.other.taker.withdraw(rfq)
