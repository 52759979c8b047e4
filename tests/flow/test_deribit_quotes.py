"""Mass quotes and block RFQs at practice Deribit over real sockets: shown, taken, edited, refused and taken away."""

import time

import pytest
from test_deribit_session import SECOND, eventually, practice

from atomizer.domain.instruments import parse_name
from atomizer.domain.trading import OrderState, OrderUpdate, Side
from atomizer.errors import Refused
from atomizer.venues.deribit.account_codec import MmpConfig
from atomizer.venues.deribit.auth import Credentials
from atomizer.venues.deribit.names import to_deribit
from atomizer.venues.deribit.quotes_codec import QuoteSide, TwoSided

GROUP = "mm"
# Public throw-away key of the practice counterparty.
OTHER = Credentials.with_secret("5mpk9QeD", b"s3cr3t_throwaway_0001")


@pytest.fixture
async def trading():
    async with practice() as floor:
        await floor.session.start()
        yield floor


@pytest.fixture
async def quoting(trading):
    wanted = MmpConfig(
        index_name="eth_usd",
        interval_s=5,
        frozen_s=0,
        max_quote_nanos=100 * SECOND,
        group=GROUP,
        quantity_nanos=100 * SECOND,
    )
    await trading.session.quotes.configure(wanted)
    return trading


def far(floor, name):
    """A two-sided quote that rests: at the least price, and far above the offers."""
    instrument, book = floor.session.instrument(name), floor.session.book(name)
    tick = instrument.any_tick_nanos
    high = -(-book.best_ask() // tick) * tick + tick
    amount = instrument.min_amount_nanos
    return TwoSided(parse_name(name), QuoteSide(instrument.tick_nanos, amount), QuoteSide(high, amount))


async def test_quotes_are_shown_and_taken_away(quoting):
    """Both sides of two options in one request; each is an order that is told of; all go at once."""
    names = [name for name in quoting.session.names if name.endswith("-C")][:2]
    quoted = await quoting.session.quotes.quote([far(quoting, name) for name in names], GROUP, "q1")
    assert quoted.refusals == []
    assert [order.state for order in quoted.orders] == [OrderState.OPEN] * 4
    told = {event.order_id for event in quoting.told.events if isinstance(event, OrderUpdate)}
    assert {order.order_id for order in quoted.orders} <= told
    assert await quoting.session.quotes.cancel_all() == 4
    assert await quoting.session.open_orders() == []


async def test_a_side_that_cannot_be_is_refused_by_name(quoting):
    """A bid that would trade is refused with its code; the other side stands."""
    name = next(name for name in quoting.session.names if name.endswith("-C"))
    good = far(quoting, name)
    crossing = good._replace(bid=good.ask, ask=None)
    quoted = await quoting.session.quotes.quote([crossing], GROUP, "q1")
    assert [(refusal.instrument, refusal.side) for refusal in quoted.refusals] == [
        (to_deribit(parse_name(name)), Side.BUY)
    ]
    assert quoted.refusals[0].code == 11054


async def test_quotes_want_a_protection(trading):
    """Without one of this group the venue refuses all of it, in plain words."""
    name = next(name for name in trading.session.names if name.endswith("-C"))
    with pytest.raises(Refused, match="protection"):
        await trading.session.quotes.quote([far(trading, name)], "nobody", "q1")


async def test_a_block_rfq_is_heard_quoted_edited_and_taken_back(trading):
    """What another account asks for comes by itself; our quote has a price for each leg, and ends when we say."""
    other = trading.make_session(credentials=OTHER, emit=lambda _event: None)
    await other.start()
    names = [name for name in trading.session.names if name.endswith("-C")][:2]
    legs = [
        {"instrument_name": to_deribit(parse_name(name)), "amount": 250, "direction": direction}
        for name, direction in zip(names, ("buy", "sell"), strict=True)
    ]
    await other._rpc.ask("private/create_block_rfq", {"legs": legs})
    blocks = trading.session.blocks
    await eventually(lambda: any([leg.contract.name for leg in rfq.legs] == names for rfq in blocks.rfqs.values()))
    rfq = next(rfq for rfq in await blocks.fetch() if [leg.contract.name for leg in rfq.legs] == names)
    expires_ms = time.time_ns() // 10**6 + 60_000
    prices = (50_000_000, 10_000_000)
    quote = await blocks.quote(rfq, Side.SELL, rfq.amount_nanos, prices, label="block.flow.1", expires_ms=expires_ms)
    assert (quote.rfq_id, quote.side, quote.state, quote.price_nanos) == (rfq.rfq_id, Side.SELL, "open", 40_000_000)
    assert (await blocks.fetch_quotes(rfq.rfq_id))[0].label == "block.flow.1"
    edited = await blocks.edit(rfq, quote.quote_id, rfq.amount_nanos, (45_000_000, 10_000_000))
    assert edited.price_nanos == 35_000_000
    assert (await blocks.cancel(quote.quote_id)).state == "cancelled"
    again = await blocks.quote(rfq, Side.SELL, rfq.amount_nanos, prices, label="block.flow.2", expires_ms=expires_ms)
    assert await blocks.cancel_all(rfq.rfq_id) == 1
    await eventually(lambda: blocks.quotes.get(again.quote_id) is None or blocks.quotes[again.quote_id].state != "open")
    await other.stop()
