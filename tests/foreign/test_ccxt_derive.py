"""ccxt's own Derive, which knows nothing of us, signs for and trades on practice Derive (v3)."""

import asyncio

import ccxt
import pytest
from foreigners import DERIVE_SUBACCOUNT, PATIENCE_S, derive, practice_venues

PERPETUAL = "ETH/USDC:USDC"
FEE = {"max_fee": "100"}


@pytest.fixture(scope="module")
def endpoints():
    with practice_venues("--seed", "5") as where:
        yield where


@pytest.fixture
async def exchange(endpoints):
    async with derive(endpoints) as foreigner:
        await foreigner.load_markets()
        yield foreigner


def price(value):
    return round(value, 2)


async def test_markets_and_prices_are_understood(exchange):
    """Perpetuals and options come out as what they are, with tickers, Greeks, trades and candles."""
    options = [market for market in exchange.markets.values() if market["option"] and market["base"] == "ETH"]
    assert len(options) > 50
    assert {market["quote"] for market in options} == {"USDC"}
    for symbol in (PERPETUAL, options[30]["symbol"]):
        ticker = await exchange.fetch_ticker(symbol)
        assert ticker["bid"] < ticker["ask"]
    assert -1 <= (await exchange.fetch_greeks(options[30]["symbol"]))["delta"] <= 1
    assert set(await exchange.fetch_currencies()) >= {"BTC", "ETH"}
    assert await exchange.fetch_funding_rate_history(PERPETUAL) == []


async def test_an_order_from_creation_to_history(exchange):
    """Its signatures are accepted: create, edit, find, cancel; then one that trades, its position and its trade."""
    ticker = await exchange.fetch_ticker(PERPETUAL)
    low, lower, high = (price(ticker["bid"] * factor) for factor in (0.97, 0.96, 1.01))
    created = await exchange.create_order(PERPETUAL, "limit", "buy", 1, low, FEE)
    assert (created["status"], created["price"], created["amount"]) == ("open", low, 1)
    assert [order["id"] for order in await exchange.fetch_open_orders(PERPETUAL)] == [created["id"]]
    edited = await exchange.edit_order(created["id"], PERPETUAL, "limit", "buy", 2, lower, FEE)
    assert (edited["price"], edited["amount"]) == (lower, 2)
    assert (await exchange.fetch_order(created["id"], PERPETUAL))["status"] == "canceled"
    assert (await exchange.cancel_order(edited["id"], PERPETUAL))["status"] == "canceled"
    canceled = [order["id"] for order in await exchange.fetch_canceled_orders(PERPETUAL)]
    assert {created["id"], edited["id"]} <= set(canceled)

    filled = await exchange.create_order(PERPETUAL, "limit", "buy", 1, high, FEE)
    assert (filled["status"], filled["filled"]) == ("closed", 1)
    (position,) = await exchange.fetch_positions([PERPETUAL])
    assert (position["side"], position["contracts"]) == ("long", 1)
    trades = await exchange.fetch_my_trades(PERPETUAL)
    assert sum(trade["amount"] for trade in trades) == 1
    assert {trade["order"] for trade in await exchange.fetch_order_trades(filled["id"], PERPETUAL)} == {filled["id"]}
    assert filled["id"] in [order["id"] for order in await exchange.fetch_closed_orders(PERPETUAL)]
    public = await exchange.fetch_trades(PERPETUAL)
    assert trades[-1]["id"] in [trade["id"] for trade in public]
    assert (await exchange.fetch_ohlcv(PERPETUAL, "1m"))[-1][4] > 0
    assert (await exchange.fetch_balance())["USDC"]["total"] == pytest.approx(1_000_000, rel=0.001)
    await exchange.create_order(PERPETUAL, "limit", "buy", 1, lower, FEE)
    await exchange.cancel_all_orders(PERPETUAL)
    assert await exchange.fetch_open_orders(PERPETUAL) == []


async def test_a_tampered_order_is_refused(exchange):
    """What was signed is what must be sent: each field changed after signing is refused, and nothing rests."""
    ticker = await exchange.fetch_ticker(PERPETUAL)
    low = price(ticker["bid"] * 0.97)
    for change in (
        {"amount": "2"},
        {"limit_price": str(price(low * 0.99))},
        {"direction": "sell"},
        {"max_fee": "101"},
        {"signature_expiry_sec": exchange.seconds() + 7_000_000},
        {"nonce": str(exchange.milliseconds() * 1_000_000)},
        {"instrument_name": "BTC-PERP"},
    ):
        sign = exchange.privatePostOrder
        exchange.privatePostOrder = lambda request, sign=sign, change=change: sign({**request, **change})
        with pytest.raises(ccxt.ExchangeError, match="14014"):
            await exchange.create_order(PERPETUAL, "limit", "buy", 1, low, FEE)
        exchange.privatePostOrder = sign
    assert await exchange.fetch_open_orders(PERPETUAL) == []


async def test_a_stranger_is_refused(exchange):
    """Another key signs for nobody here."""
    exchange.privateKey = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"  # public anvil key #2
    with pytest.raises(ccxt.ExchangeError, match="14014"):
        await exchange.fetch_positions()


async def test_streams(exchange):
    """Books, tickers, the tape, own orders, own trades, positions and balances arrive."""
    book = await asyncio.wait_for(exchange.watch_order_book(PERPETUAL), PATIENCE_S)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert (await asyncio.wait_for(exchange.watch_ticker(PERPETUAL), PATIENCE_S))["bid"] > 0
    assert (await asyncio.wait_for(exchange.watch_bids_asks([PERPETUAL]), PATIENCE_S))[PERPETUAL]["ask"] > 0
    number = {"subaccount_id": DERIVE_SUBACCOUNT}
    watching = [
        asyncio.ensure_future(watch)
        for watch in (
            exchange.watch_trades(PERPETUAL),
            exchange.watch_orders(PERPETUAL, params=number),
            exchange.watch_my_trades(PERPETUAL, params=number),
            exchange.watch_positions(params=number),
            exchange.watch_balance(number),
        )
    ]
    ask = (await exchange.fetch_ticker(PERPETUAL))["ask"]
    async with asyncio.timeout(PATIENCE_S):
        while not all(watch.done() for watch in watching):  # it does not say when it is subscribed
            order = await exchange.create_order(PERPETUAL, "limit", "buy", 0.1, price(ask * 1.01), FEE)
            await asyncio.sleep(0.2)
    tape, orders, mine, positions, balance = await asyncio.wait_for(asyncio.gather(*watching), PATIENCE_S)
    assert orders[-1]["symbol"] == mine[-1]["symbol"] == PERPETUAL
    assert list(tape) == []  # it is woken by the venue's list of trades, and reads only an object
    assert order["status"] == "closed"
    assert PERPETUAL in [position["symbol"] for position in positions]
    assert balance["USDC"]["total"] > 0
