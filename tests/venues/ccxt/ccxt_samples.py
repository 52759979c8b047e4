"""ccxt's unified structures as its Deribit gives them, with numbers as text."""

from atomizer.venues.ccxt import codec

PERPETUAL = {
    "symbol": "ETH/USDC:USDC",
    "type": "swap",
    "base": "ETH",
    "quote": "USDC",
    "settle": "USDC",
    "contractSize": "0.01",
    "precision": {"amount": "1", "price": "0.05"},
    "limits": {"amount": {"min": "1", "max": None}},
    "taker": "0.00035",
    "maker": "0.00015",
    "active": True,
}
INVERSE = PERPETUAL | {"symbol": "ETH/USD:ETH", "quote": "USD", "settle": "ETH", "contractSize": "1"}
OPTION = INVERSE | {
    "symbol": "ETH/USD:ETH-261130-2875-P",
    "type": "option",
    "expiry": 1795939200000 + 86_400_000,
    "strike": "2875.0",
    "optionType": "put",
    "precision": {"amount": "1", "price": "0.0001"},
}
LISTING = codec.parse_market(PERPETUAL, "ccxt:x", codec.TICK_SIZE, counts_contracts=True)
TICKER = {
    "symbol": "ETH/USDC:USDC",
    "markPrice": "2937.4",
    "indexPrice": "2937.1",
    "timestamp": 1795964487830,
    "info": {},
}
GREEKS = {
    "delta": "-0.3",
    "gamma": "0.001",
    "vega": "1.5",
    "theta": "-2",
    "markImpliedVolatility": "62.1",
    "markPrice": "0.0121",
    "underlyingPrice": "2937.1",
    "timestamp": 1795964487830,
    "info": {},
}
ORDER = {
    "id": "7",
    "status": "open",
    "amount": "10",
    "filled": "3",
    "price": "2900",
    "side": "buy",
    "timestamp": 1795964487830,
    "info": {"label": "hedge.a.1"},
}
TRADE = {
    "id": "t1",
    "side": "sell",
    "takerOrMaker": "taker",
    "price": "2936.65",
    "amount": "10.0",
    "fee": {"currency": "USDC", "cost": "1.191834232884e-06"},
    "timestamp": 1795964487830,
}
POSITION = {
    "symbol": "ETH/USDC:USDC",
    "side": "long",
    "contracts": "10",
    "entryPrice": "2900",
    "markPrice": "2937",
    "info": {},
}
