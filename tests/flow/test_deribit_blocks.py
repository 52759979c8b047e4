"""A maker of block RFQs at practice Deribit over real sockets: quotes that follow, go, trip and survive a loss."""

import asyncio
import re
import time

import orjson
import pytest
from test_deribit_quotes import OTHER
from test_deribit_session import SECOND, eventually, practice

from atomizer._core.fixed import ceil_to, floor_to
from atomizer.domain.instruments import parse_name
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Fill, Protection, QuoteLeg, QuoteOutcome, QuoteSent, Side
from atomizer.errors import ConfigError, Disconnected
from atomizer.venues.deribit.auth import Credentials
from atomizer.venues.deribit.names import to_deribit

PROTECTION = Protection(
    underlying="ETH", window_ms=5000, frozen_ms=1000, amount_limit_nanos=1000 * SECOND, delta_limit_nanos=500 * SECOND
)
SIZE = 25


class Heard:
    """What a maker hears, in order; answers nothing by itself."""

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


@pytest.fixture
async def trading():
    async with practice() as floor:
        await floor.session.start()
        floor.taker = floor.make_session(credentials=OTHER, emit=lambda _event: None)
        await floor.taker.start()
        floor.heard = Heard()
        floor.maker = await floor.session.answer_rfqs(floor.heard, [PROTECTION])
        yield floor
        await floor.taker.stop()


async def ask(floor, *directions):
    """A block RFQ of calls; our two requests that come of it. The practice market's takers ask, too."""
    names = [name for name in floor.session.names if name.endswith("-C")][: len(directions)]
    legs = [
        {"instrument_name": to_deribit(parse_name(name)), "amount": SIZE, "direction": direction}
        for name, direction in zip(names, directions, strict=True)
    ]
    asked = orjson.loads(await floor.taker._rpc.ask("private/create_block_rfq", {"legs": legs}))
    floor.rfq_id = asked["block_rfq_id"]
    await eventually(lambda: len(requests(floor)) == 2)
    return {request.side: request for request in requests(floor)}


def requests(floor):
    return [request for request in floor.heard.requests if request.structure.rfq_id == floor.rfq_id]


def quote(floor, request, price_nanos=50_000_000):
    """Answer with this for every leg."""
    now_ns = time.time_ns()
    first, *more = (
        QuoteLeg(
            leg.contract.name,
            leg.side,
            (floor_to if leg.side is Side.BUY else ceil_to)(price_nanos, request.tick_nanos(number, price_nanos)),
            leg.quantity_nanos,
            price_nanos,
        )
        for number, leg in enumerate(request.rfq.legs)
    )
    sent = QuoteSent(
        now_ns=now_ns,
        source="deribit",
        rfq_id=request.rfq.rfq_id,
        nonce=floor.session.next_nonce(now_ns),
        instrument=first.instrument,
        side=first.side,
        price_nanos=first.price_nanos,
        quantity_nanos=first.quantity_nanos,
        valid_until_s=now_ns // SECOND + 60,
        fair_nanos=first.fair_nanos,
        more=tuple(more),
    )
    floor.maker.send_quote(request, sent)
    return sent


async def standing(floor, request):
    return [
        (each.label, each.price_nanos) for each in await floor.session.blocks.fetch_quotes(request.structure.rfq_id)
    ]


async def test_a_new_price_is_a_new_quote_behind_the_cancel_of_the_old_one(trading):
    """One quote stands, the last; the cancel of the one before is no news."""
    request = (await ask(trading, "buy", "sell"))[Side.SELL]
    assert [leg.side for leg in request.rfq.legs] == [Side.SELL, Side.BUY]
    quote(trading, request)
    await eventually(lambda: trading.heard.outcomes() == [QuoteOutcome.STANDS])
    second = quote(trading, request, 60_000_000)
    await eventually(lambda: trading.heard.outcomes() == [QuoteOutcome.STANDS] * 2)
    assert await standing(trading, request) == [(str(second.nonce), 0)]
    trading.maker.take_back(request)
    await eventually(lambda: trading.heard.outcomes() == [QuoteOutcome.STANDS] * 2 + [QuoteOutcome.ENDED])
    assert await standing(trading, request) == []
    assert trading.maker.is_open(request)


async def test_a_trade_that_does_not_say_our_label_goes_by_the_nonce_of_its_quote(trading):
    """RFQ, side and price say whose it is."""
    trading.wire.to_client = lambda text: re.sub(
        rb'"trades":\[.*?\]', lambda found: re.sub(rb'"label":"[^"]*",?', b"", found[0]), text
    )
    request = (await ask(trading, "buy"))[Side.SELL]
    sent = quote(trading, request)
    await eventually(lambda: trading.heard.answers)
    legs = [{"instrument_name": to_deribit(request.rfq.contract), "direction": "buy", "ratio": 1}]
    terms = {"price": sent.price_nanos / SECOND, "amount": SIZE, "direction": "buy", "time_in_force": "fill_or_kill"}
    params = {"block_rfq_id": request.structure.rfq_id, "legs": legs} | terms
    for _ in range(16):  # until the venue's grace is over
        trading.taker._rpc.send("private/accept_block_rfq", params, lambda _result, _fault: None)
        await asyncio.sleep(0.5)
        if fills := [event for event in trading.told.events if isinstance(event, Fill)]:
            break
    [fill] = fills
    assert (fill.client_id, fill.side, fill.price_nanos) == (str(sent.nonce), Side.SELL, sent.price_nanos)


async def test_after_a_loss_quotes_are_cancelled_and_what_is_still_asked_is_open(trading):
    """Nobody says that they went with the connection, so the next one cancels them first. No RFQ is heard twice."""
    request = (await ask(trading, "buy"))[Side.BUY]
    quote(trading, request)
    await eventually(lambda: trading.heard.answers)
    trading.wire.cut()
    await eventually(lambda: trading.heard.outcomes() == [QuoteOutcome.STANDS, QuoteOutcome.ENDED])
    assert await standing(trading, request) == []
    assert (len(requests(trading)), trading.maker.is_open(request)) == (2, True)
    second = quote(trading, request)
    await eventually(lambda: trading.heard.outcomes()[2:] == [QuoteOutcome.STANDS])
    assert [label for label, _ in await standing(trading, request)] == [str(second.nonce)]


async def test_a_session_that_cancels_all_takes_quotes_back_too(trading):
    """Whoever kills must not leave a quote that can be taken."""
    request = (await ask(trading, "buy"))[Side.BUY]
    quote(trading, request)
    await eventually(lambda: trading.heard.answers)
    await trading.session.cancel_all()
    assert await standing(trading, request) == []


async def test_what_is_no_option_is_declined_by_name(trading):
    """A structure of futures alone is none that we price."""
    legs = [{"instrument_name": "ETH-PERPETUAL", "amount": 100_000, "direction": "buy"}]
    await trading.taker._rpc.ask("private/create_block_rfq", {"legs": legs})
    await eventually(lambda: trading.heard.bad)
    assert trading.heard.bad == [Reason.UNKNOWN_KIND]


async def test_a_refused_quote_says_why(trading):
    """In the venue's words; and while the protection has tripped none leaves."""
    request = (await ask(trading, "buy"))[Side.BUY]
    quote(trading, request, 123)
    await eventually(lambda: trading.heard.answers)
    assert trading.heard.outcomes() == [QuoteOutcome.REFUSED]
    assert "legs.price" in trading.heard.answers[0].detail
    trading.maker._freeze(time.time_ns())
    with pytest.raises(Disconnected, match="protection has tripped"):
        quote(trading, request)


async def test_the_protection_of_block_rfqs_is_read_back_before_the_first_quote(trading):
    """One of their own, beside that of orders."""
    [found] = await trading.session.quotes.configured("eth_usd", is_block_rfq=True)
    assert (found.is_block_rfq, found.quantity_nanos, found.interval_s) == (True, 1000 * SECOND, 5)


async def test_a_key_without_the_scope_is_told_so(trading):
    """Before anything is set or sent."""
    stranger = trading.make_session(credentials=Credentials.with_secret("reader", b"reader"), emit=lambda _event: None)
    with pytest.raises(ConfigError, match="block_rfq:read_write"):
        await stranger.answer_rfqs(Heard())
