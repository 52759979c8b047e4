"""ccxt's own Deribit, which knows nothing of us, trades on practice Deribit."""

import asyncio

import ccxt
import pytest
from foreigners import PATIENCE_S, deribit, practice_venues

PERPETUAL = "ETH/USD:ETH"


@pytest.fixture(scope="module")
def endpoints():
    with practice_venues("--seed", "5") as where:
        yield where


@pytest.fixture
async def exchange(endpoints):
    async with deribit(endpoints) as foreigner:
        await foreigner.load_markets()
        yield foreigner


def options_of(exchange, **wanted):
    return [
        market
        for market in exchange.markets.values()
        if market["option"] and all(market[key] == value for key, value in wanted.items())
    ]


async def test_markets_are_understood(exchange):
    """Inverse and linear options, perpetuals and dated futures come out as what they are."""
    inverse, linear = (options_of(exchange, base="ETH", settle=settle) for settle in ("ETH", "USDC"))
    assert len(inverse) == len(linear) > 50
    assert all(market["inverse"] and market["strike"] > 0 for market in inverse)
    assert all(market["linear"] for market in linear)
    kinds = {(market["base"], market["type"], market["settle"]) for market in exchange.markets.values()}
    assert {("ETH", "swap", "ETH"), ("BTC", "future", "BTC"), ("BTC", "swap", "USDC")} <= kinds
    assert exchange.market(PERPETUAL)["precision"] == {"amount": 1.0, "price": 0.05}


async def test_prices_are_understood(exchange):
    """Books, tickers, Greeks, chains and summaries make sense to it."""
    option = options_of(exchange, base="ETH", settle="ETH")[30]["symbol"]
    for symbol in (PERPETUAL, option):
        book, ticker = await exchange.fetch_order_book(symbol), await exchange.fetch_ticker(symbol)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert ticker["bid"] < ticker["ask"]
    greeks = await exchange.fetch_greeks(option)
    assert -1 <= greeks["delta"] <= 1
    assert greeks["markImpliedVolatility"] > 10
    chain = await exchange.fetch_option_chain("ETH")
    assert option in chain
    assert (await exchange.fetch_status())["status"] == "ok"
    assert set(await exchange.fetch_currencies()) == {"BTC", "ETH", "USDC"}
    assert (await exchange.fetch_volatility_history("ETH"))[0]["volatility"] > 10


async def test_an_order_from_creation_to_history(exchange):
    """Create, edit, find, cancel; then one that trades, its position, its trade and its end."""
    bid = (await exchange.fetch_ticker(PERPETUAL))["bid"]
    prices = [float(exchange.price_to_precision(PERPETUAL, bid * factor)) for factor in (0.99, 0.98)]
    created = await exchange.create_order(PERPETUAL, "limit", "buy", 1000, prices[0], {"label": "foreign"})
    assert (created["status"], created["price"], created["amount"]) == ("open", prices[0], 1000)
    edited = await exchange.edit_order(created["id"], PERPETUAL, "limit", "buy", 2000, prices[1])
    assert (edited["id"], edited["price"], edited["amount"]) == (created["id"], prices[1], 2000)
    assert [order["id"] for order in await exchange.fetch_open_orders(PERPETUAL)] == [created["id"]]
    cancelled = await exchange.cancel_order(created["id"], PERPETUAL)
    assert (cancelled["id"], cancelled["status"]) == (created["id"], "canceled")
    assert (await exchange.fetch_order(created["id"], PERPETUAL))["status"] == "canceled"

    filled = await exchange.create_order(PERPETUAL, "market", "buy", 3000)
    assert (filled["status"], filled["filled"]) == ("closed", 3000)
    (position,) = await exchange.fetch_positions([PERPETUAL])
    assert (position["side"], position["contracts"]) == ("long", 3000)
    trades = await exchange.fetch_my_trades(PERPETUAL)
    assert sum(trade["amount"] for trade in trades) == 3000
    assert {trade["takerOrMaker"] for trade in trades} == {"taker"}
    assert filled["id"] in [order["id"] for order in await exchange.fetch_closed_orders(PERPETUAL)]
    assert (await exchange.fetch_balance())["ETH"]["total"] == pytest.approx(1000, rel=0.01)
    await exchange.create_order(PERPETUAL, "limit", "buy", 1000, prices[1])
    await exchange.cancel_all_orders(PERPETUAL)
    assert await exchange.fetch_open_orders(PERPETUAL) == []


async def test_an_option_in_coin_and_one_in_usdc(exchange):
    """Options trade in both currencies; the foreigner's precision is accepted as it rounds."""
    for settle in ("ETH", "USDC"):
        symbol = options_of(exchange, base="ETH", settle=settle)[30]["symbol"]
        ask = (await exchange.fetch_ticker(symbol))["ask"]
        price = float(exchange.price_to_precision(symbol, ask))
        order = await exchange.create_order(symbol, "limit", "buy", 1, price)
        assert order["status"] in {"closed", "open"}
        await exchange.cancel_all_orders(symbol)
        fees = [trade["fee"]["currency"] for trade in await exchange.fetch_my_trades(symbol)]
        assert set(fees) <= {settle}


async def test_refusals_are_its_own_exceptions(exchange):
    """Its error table knows the codes: funds, orders that are not there, wrong keys."""
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order(PERPETUAL, "limit", "buy", 500_000_000, 2900)
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order("ETH-1", PERPETUAL)
    exchange.secret = "wrong"  # noqa: S105  that is the point
    with pytest.raises(ccxt.AuthenticationError):
        await exchange.fetch_positions()


async def test_streams(exchange):
    """Books, tickers, trades, candles, balances, own orders and own trades arrive."""
    book = await asyncio.wait_for(exchange.watch_order_book(PERPETUAL), PATIENCE_S)
    for _ in range(5):
        book = await asyncio.wait_for(exchange.watch_order_book(PERPETUAL), PATIENCE_S)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert (await asyncio.wait_for(exchange.watch_ticker(PERPETUAL), PATIENCE_S))["bid"] > 0
    assert (await asyncio.wait_for(exchange.watch_bids_asks([PERPETUAL]), PATIENCE_S))[PERPETUAL]["ask"] > 0
    assert (await asyncio.wait_for(exchange.watch_balance(), PATIENCE_S))["info"]["equity"] > 0
    watching = [
        asyncio.ensure_future(watch(PERPETUAL))
        for watch in (exchange.watch_orders, exchange.watch_my_trades, exchange.watch_trades, exchange.watch_ohlcv)
    ]
    await asyncio.wait(watching[3:], timeout=PATIENCE_S)  # the candle comes unasked: by then all are subscribed
    order = await exchange.create_order(PERPETUAL, "market", "sell", 1000)
    orders, mine, tape, candles = await asyncio.wait_for(asyncio.gather(*watching), PATIENCE_S)
    assert orders[-1]["id"] == order["id"]
    assert mine[-1]["order"] == order["id"]
    assert tape[-1]["price"] > 0
    assert len(candles[-1]) == 6


async def test_streams_of_several_at_once(exchange):
    """Books, tickers, trades and candles of a list of markets, each through one subscription."""
    symbols = [PERPETUAL, "BTC/USD:BTC"]
    book = await asyncio.wait_for(exchange.watch_order_book_for_symbols(symbols), PATIENCE_S)
    assert book["bids"][0][0] < book["asks"][0][0]
    tickers = await asyncio.wait_for(exchange.watch_tickers(symbols), PATIENCE_S)
    assert all(ticker["bid"] > 0 for ticker in tickers.values())
    tape = asyncio.ensure_future(exchange.watch_trades_for_symbols(symbols))
    async with asyncio.timeout(PATIENCE_S):
        while not tape.done():  # it does not say when it is subscribed
            await exchange.create_order(PERPETUAL, "market", "buy", 1000)
            await asyncio.sleep(0.2)
    assert (await tape)[-1]["symbol"] in symbols
    candles = await asyncio.wait_for(exchange.watch_ohlcv_for_symbols([[PERPETUAL, "1m"]]), PATIENCE_S)
    assert len(candles[PERPETUAL]["1m"][-1]) == 6
