"""RFQs at practice Derive over real sockets: one session asks, another answers, and both hold what was traded."""

import asyncio
import contextlib
import time
from decimal import Decimal

import msgspec
import pytest
from derive_wire import Wire

from atomizer._core.book import NO_PRICE
from atomizer._core.ecdsa import Signer
from atomizer._core.fixed import ceil_to, floor_to
from atomizer.domain.reasons import Reason
from atomizer.domain.session import Connected
from atomizer.domain.trading import Fill, OrderState, QuoteOutcome, QuoteSent, Side
from atomizer.errors import ConfigError, Disconnected, Refused
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

    def option(self):
        """A call with a two-sided book."""
        session = self.session
        return next(
            name
            for name in session.names
            if name.endswith("-C") and NO_PRICE not in {session.book(name).best_bid(), session.book(name).best_ask()}
        )

    def legs(self, count=1):
        names = sorted(name for name in self.session.names if name.endswith("-C"))[:count]
        return [Leg(self.option(), Side.BUY, SECOND)] if count == 1 else [Leg(name, Side.BUY, SECOND) for name in names]

    def quote(self, request, price_nanos=None, *, valid_for_s=60):
        """Answer a request at the touch that is ours."""
        name, now_ns = request.structure.legs[0].instrument, time.time_ns()
        book, side = self.session.book(name), request.rfq.side
        touch = book.best_bid() if side is Side.BUY else book.best_ask()
        rounded = (floor_to if side is Side.BUY else ceil_to)(price_nanos or touch, request.tick_nanos)
        quote = QuoteSent(
            now_ns=now_ns,
            source="derive",
            rfq_id=request.rfq.rfq_id,
            nonce=self.session.next_nonce(now_ns),
            instrument=name,
            side=side,
            price_nanos=rounded,
            quantity_nanos=request.rfq.quantity_nanos,
            valid_until_s=now_ns // SECOND + valid_for_s,
            fair_nanos=rounded,
        )
        self.maker.send_quote(request, quote)
        return quote


async def eventually(is_there):
    """For what no event announces."""
    async with asyncio.timeout(8):
        while not is_there():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.02)


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
        floor.maker = await floor.session.answer_rfqs(floor.heard)
        yield floor


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_a_quote_is_taken_and_booked_on_both_sides(floor, side):
    """One RFQ, a request for each side of ours; the quote that is taken fills under its nonce, at its price."""
    rfq = await floor.other.taker.ask(floor.legs(), label="bench")
    await eventually(lambda: len(floor.heard.requests) == 2)
    assert {request.rfq.side for request in floor.heard.requests} == {Side.BUY, Side.SELL}
    quotes = {request.rfq.side: floor.quote(request) for request in floor.heard.requests}
    await eventually(lambda: floor.heard.outcomes() == [QuoteOutcome.STANDS] * 2)
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


async def test_a_quote_ends_when_it_should_and_the_request_comes_again(floor):
    """Taken back at its own end, not the RFQ's; then the same side is asked for anew under another id."""
    await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    first = floor.heard.requests[0]
    floor.quote(first, valid_for_s=1)
    await eventually(lambda: len(floor.heard.requests) == 3)
    assert floor.heard.outcomes() == [QuoteOutcome.STANDS, QuoteOutcome.ENDED]
    again = floor.heard.requests[2]
    assert (again.rfq.side, again.structure) == (first.rfq.side, first.structure)
    assert again.rfq.rfq_id != first.rfq.rfq_id


async def test_withdrawing_leaves_no_quote(floor):
    """Everything of ours is taken back at once."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    for request in floor.heard.requests:
        floor.quote(request)
    await eventually(lambda: len(floor.heard.answers) == 2)
    await floor.maker.withdraw()
    await eventually(lambda: floor.heard.outcomes().count(QuoteOutcome.ENDED) == 2)
    assert await floor.other.taker.quotes(rfq) == []


async def test_a_refused_quote_says_why(floor):
    """An RFQ that has ended takes no quote, in the venue's words; off the tick nothing leaves at all."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    request = floor.heard.requests[0]
    with pytest.raises(Disconnected, match="tick"):
        floor.quote(msgspec.structs.replace(request, tick_nanos=1), price_nanos=10_000_001)
    await floor.other.taker.withdraw(rfq)
    floor.quote(request)
    await eventually(lambda: floor.heard.answers)
    [answer] = floor.heard.answers
    assert answer.outcome is QuoteOutcome.REFUSED
    assert "11104" in answer.detail or "not open" in answer.detail


async def test_a_spread_is_traded_and_declined_by_a_maker_of_single_options(floor):
    """Takers ask for several legs in any order; whoever prices one option counts them and is silent."""
    await floor.other.taker.ask(floor.legs(2)[::-1])
    await eventually(lambda: floor.heard.bad)
    assert floor.heard.bad == [Reason.MULTI_LEG]
    assert floor.heard.requests == []


async def test_after_a_loss_quotes_are_gone_and_open_rfqs_come_again(floor):
    """Cancel on disconnect takes the quotes; the session returns, and what is still asked is heard again."""
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    floor.quote(floor.heard.requests[0])
    await eventually(lambda: floor.heard.answers)
    floor.wire.cut()
    await eventually(lambda: floor.connected == 3 and len(floor.heard.requests) == 4)
    assert floor.heard.outcomes() == [QuoteOutcome.STANDS, QuoteOutcome.ENDED]
    assert await floor.other.taker.quotes(rfq) == []


async def test_a_quote_whose_answer_was_lost_is_taken_back(floor, monkeypatch):
    """Nobody knows whether it stands, so it is taken back by its nonce, and it ends either way."""
    monkeypatch.setattr("atomizer.net.rpc.ANSWER_WITHIN_NS", SECOND // 4)
    rfq = await floor.other.taker.ask(floor.legs())
    await eventually(lambda: len(floor.heard.requests) == 2)
    floor.wire.to_venue = lambda text: None if b"private/send_quote" in text else text
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
