"""Messages that the venues' samples do not have, as their readers' documentation shows them."""

import deribit_samples
import rysk_frames

WETH = rysk_frames.WETH
DERIBIT = [
    {"summaries": [deribit_samples.STANDING]},
    {"scope": "connection", "enabled": True},
    {"index_name": "btc_usd", "frozen_until": 0},
    {"block_rfqs": [deribit_samples.BLOCK_RFQ], "continuation": None},
    {"order": deribit_samples.ORDER, "trades": [deribit_samples.TRADE]},
    {"trades": [deribit_samples.TRADE], "has_more": False},
    1772624842966,
    3,
    ["a", "b"],
    {"data": [{"date": "2026-07-07", "delivery_price": 62468.13}], "records_total": 58},
    {
        "logs": [
            {
                "id": 61311,
                "timestamp": 1613659544153,
                "instrument_name": "BTC-PERPETUAL",
                "interest_pl": 1e-6,
                "price": 5.5,
            }
        ],
        "continuation": 61282,
    },
    {"timestamp": 1619777946007, "price": 54000.5, "index_name": "btc_usd"},
    {"timestamp": 1619777946007, "volatility": 129.36, "index_name": "btc_usd"},
]
DERIVE = [
    [30769],
    1772624842966,
    {"cancelled_orders": 1},
    {"expiries": [{"expiry_date": "20260707", "price": "2487.15", "utc_expiry_sec": 1783411200}]},
    {
        "events": [{"instrument_name": "ETH-PERP", "funding": "-0.0125", "timestamp": 1783411200000}],
        "pagination": {"num_pages": 1},
    },
]
RYSK = [
    [
        {
            "assetAddress": WETH,
            "balance": "1000000000000000000",
            "strike": "2600000000000000000000",
            "expiry": 1751011200,
            "isPut": False,
            "underlying": WETH,
            "premium": "12500000000000000000",
            "isOtoken": True,
        }
    ],
    {WETH: "5000000000000"},
    {WETH: "WETH"},
    {
        "84532": [
            {
                "symbol": "weETH",
                "address": WETH,
                "chainId": 84532,
                "underlying": "ETH",
                "decimals": 18,
                "active": True,
                "minTradeSize": "1",
                "maxTradeSize": "1000",
            }
        ]
    },
    {"id": "trade", "result": rysk_frames.trade()},
    {"id": "rfq-1", "result": {"rfqId": "rfq-1", "newBest": "12500000000000000000", "yours": "1250000000000000000"}},
    {"id": "rfq-1", "error": {"code": -32011, "message": "asset mismatch"}},
    {"id": "rfq-1", "result": "OK"},
    {"id": "positions", "result": []},
    {"rfqId": "rfq-1", "maker": WETH, "price": "12500000000000000000", "validUntil": 1750000030, "apy": 18.25},
    {
        "WETH": {
            "combinations": {
                "2600": {"expiration_timestamp": 1751011200, "strike": 2600, "isPut": False, "bid": 12.5, "ask": 13.5}
            }
        }
    },
    rysk_frames.trade(),
]
