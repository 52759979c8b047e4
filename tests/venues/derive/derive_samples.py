"""Well-formed Derive messages: the protocol sheet's own samples, as Python values. Tests copy and bend them."""

SLIM_TICKER = {
    "timestamp": 1779953797040,
    "instrument_ticker": {
        "t": 1779953797040,
        "A": "3.46",
        "a": "43.8",
        "B": "250.6",
        "b": "38.4",
        "f": None,
        "I": "1991.7",
        "M": "42.3",
        "minp": "23.2",
        "maxp": "67.2",
        "option_pricing": {
            "d": "-0.30438",
            "t": "-2.40149",
            "g": "0.00169741",
            "v": "1.41384",
            "i": "0.51012",
            "r": "1.74065",
            "f": "1992.6",
            "m": "42.3",
            "df": "0.999",
            "bi": "0.48229",
            "ai": "0.52063",
        },
    },
}

BOOK = {
    "timestamp": 1772624842966,
    "instrument_name": "BTC-20260305-69500-P",
    "publish_id": 56593,
    "bids": [["340", "0.4"], ["320", "1"], ["280", "0.70343"]],
    "asks": [["420", "0.4"], ["520", "0.70343"]],
}

OPTION = {
    "instrument_type": "option",
    "instrument_name": "HYPE-20251121-38_75-P",
    "is_active": True,
    "tick_size": "0.1",
    "minimum_amount": "0.1",
    "maximum_amount": "1000",
    "amount_step": "0.01",
    "mark_price_fee_rate_cap": "0.125",
    "maker_fee_rate": "0.0001",
    "taker_fee_rate": "0.0003",
    "base_fee": "0.5",
    "base_asset_address": "0x7344Bf2aFFF9aFCd6d024865Fc0cA53bf03464D9",
    "base_asset_sub_id": "16642998273763712000",
    "option_details": {"index": "HYPE-USD", "expiry": 1763712000, "strike": "38.75", "option_type": "P"},
    "perp_details": None,
    "erc20_details": None,
}

PERPETUAL = {
    "instrument_type": "perp",
    "instrument_name": "ETH-PERP",
    "is_active": True,
    "tick_size": "0.01",
    "minimum_amount": "0.01",
    "maximum_amount": "10000",
    "amount_step": "0.001",
    "mark_price_fee_rate_cap": None,
    "maker_fee_rate": "0.0001",
    "taker_fee_rate": "0.0003",
    "base_fee": "0.1",
    "base_asset_address": "0xAf65752C4643E25C02F693f9D4FE19cF23a095E3",
    "base_asset_sub_id": "0",
    "option_details": None,
    "perp_details": {"index": "ETH-USD", "funding_rate": "0"},
    "erc20_details": None,
}

INSTRUMENTS = {"instruments": [PERPETUAL, OPTION], "pagination": {"count": 2, "num_pages": 1}}

ORDER = {
    "order_id": "4c502c6f-e129-4649-8102-2755e8280400",
    "subaccount_id": 30769,
    "instrument_name": "ETH-PERP",
    "direction": "buy",
    "order_type": "limit",
    "time_in_force": "gtc",
    "order_status": "open",
    "amount": "0.1",
    "filled_amount": "0.04",
    "limit_price": "1995",
    "nonce": 1748715865286001,
    "label": "hedger.k3f9.17",
    "cancel_reason": "",
    "last_update_timestamp": 1779606523447,
}

TRADE = {
    "trade_id": "0445f96a-10fb-4fdc-a0f9-eed94a2f32e1",
    "order_id": "4c502c6f-e129-4649-8102-2755e8280400",
    "subaccount_id": 30769,
    "instrument_name": "ETH-PERP",
    "direction": "sell",
    "label": "hedger.k3f9.17",
    "quote_id": None,
    "timestamp": 1775245899929,
    "trade_price": "2050.5",
    "trade_amount": "0.04",
    "trade_fee": "0.397286204785450038",
    "liquidity_role": "maker",
    "tx_status": "requested",
}

PLACED = {"order": ORDER, "trades": [TRADE]}
ORDERS = {"subaccount_id": 30769, "orders": [ORDER], "pagination": {"count": 1, "num_pages": 1}}
TRADES = {"subaccount_id": 30769, "trades": [TRADE], "pagination": {"count": 1, "num_pages": 1}}

POSITIONS = {
    "subaccount_id": 30769,
    "positions": [
        {
            "instrument_name": "ETH-PERP",
            "instrument_type": "perp",
            "amount": "-0.5",
            "average_price": "1995.2",
            "average_price_excl_fees": "1995",
            "mark_price": "1992.490000000000360533855855464935302734375",
            "realized_pnl_excl_fees": "-0.000000000000000001",
            "unrealized_pnl_excl_fees": "1.255",
            "total_fees": "0.399",
        }
    ],
}

ACCOUNT = {
    "wallet": "0x8772185a1516f0d61fC1c2524926BfC69F95d698",
    "cancel_on_disconnect": True,
    "is_rfq_maker": False,
    "websocket_matching_tps": 1,
    "websocket_non_matching_tps": 5,
    "websocket_option_tps": 1,
    "websocket_perp_tps": 2,
    "subaccount_ids": [30769],
    "fee_info": {"base_fee_discount": "0"},
}

SUBSCRIBED = {
    "current_subscriptions": ["ticker_slim.ETH-USDC.1000"],
    "status": {
        "ticker_slim.ETH-USDC.1000": "ok",
        "trades.spot.ETH": "{'instrument_type': ['Invalid enum value spot']}",
    },
}

RFQ = {
    "rfq_id": "364ca0b4-0ed4-4b2f-9b0a-3d9d0f7f2c11",
    "subaccount_id": 30770,
    "status": "open",
    "cancel_reason": "",
    "legs": [{"instrument_name": "HYPE-20251121-38_75-P", "direction": "buy", "amount": "10"}],
    "creation_timestamp": 1760000000000,
    "last_update_timestamp": 1760000000000,
    "valid_until": 1760000600000,
    "filled_direction": None,
    "total_cost": None,
}
RFQS = {"rfqs": [RFQ], "pagination": {"count": 1, "num_pages": 1}}

QUOTE = {
    "quote_id": "9c3d7d3e-2a53-4a0f-8b2f-0a4f6c1f7e22",
    "rfq_id": "364ca0b4-0ed4-4b2f-9b0a-3d9d0f7f2c11",
    "subaccount_id": 30769,
    "direction": "sell",
    "legs": [RFQ["legs"][0] | {"price": "95.5"}],
    "legs_hash": "0xc51e155068",
    "liquidity_role": "maker",
    "status": "open",
    "cancel_reason": "",
    "fee": "0",
    "max_fee": "50",
    "label": "1748500000000111",
    "mmp": False,
    "nonce": 1748500000000111,
    "signature": "0x00",
    "signature_expiry_sec": 1748503600,
    "signer": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "is_transfer": False,
    "tx_hash": None,
    "tx_status": None,
    "creation_timestamp": 1760000000000,
    "last_update_timestamp": 1760000000000,
}
QUOTES = {"quotes": [QUOTE], "pagination": {"count": 1, "num_pages": 1}}
BEST = {"best_quote": QUOTE, "is_valid": True, "invalid_reason": None, "estimated_fee": "1"}
REPLACED = {"cancelled_order": ORDER, "order": ORDER, "trades": [TRADE], "create_order_error": None}
REPLACED_QUOTE = {
    "cancelled_quote": QUOTE,
    "quote": None,
    "create_quote_error": {"code": 11023, "message": "Max fee order param is too low", "data": None},
}
PROTECTIONS = [
    {
        "subaccount_id": 30769,
        "currency": "ETH",
        "mmp_interval": 5000,
        "mmp_frozen_time": 10000,
        "mmp_amount_limit": "10",
        "mmp_delta_limit": "2",
        "is_frozen": False,
        "mmp_unfreeze_time": 0,
    }
]

SPOT = {
    "timestamp": 1772624842966,
    "feeds": {"ETH": {"price": "1991.7", "confidence": "0.99", "price_prev_daily": "2010.2"}},
}
PUBLIC_TRADE = {
    "trade_id": "0445f96a-10fb-4fdc-a0f9-eed94a2f32e1",
    "instrument_name": "HYPE-20251121-38_75-P",
    "timestamp": 1775245899929,
    "trade_price": "2.5",
    "trade_amount": "10",
    "mark_price": "2.4751201831555",
    "index_price": "38.7251201831555",
    "direction": "sell",
    "quote_id": None,
}
SUBACCOUNT = {
    "subaccount_id": 30769,
    "currency": "all",
    "label": "",
    "margin_type": "SM",
    "subaccount_value": "1000000.123456789012345678",
    "initial_margin": "999000",
    "maintenance_margin": "999500",
    "open_orders_margin": "-120.5",
    "is_under_liquidation": False,
}
SESSION_KEYS = {
    "public_session_keys": [
        {
            "public_session_key": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "expiry_sec": 1790000000,
            "label": "quoting",
            "scope": "admin",
            "ip_whitelist": [],
        }
    ]
}
