"""Good messages to start from: recorded, or where nothing was recorded, as the venue's documents have them."""

import json

from deribit_captures import FREE

from atomizer.venues.deribit.names import from_deribit


def recorded(name):
    return json.loads((FREE / name).read_text())


BOOK = {
    "type": "change",
    "timestamp": 1617644858339,
    "prev_change_id": 8973367653,
    "instrument_name": "ETH-30APR21-2240-P",
    "change_id": 8973367846,
    "bids": [["delete", 0.0255, 0.0], ["new", 0.026, 299.0]],
    "asks": [["change", 0.03, 1.5]],
}
SNAPSHOT = {
    "type": "snapshot",
    "timestamp": 1617644854288,
    "instrument_name": "ETH-30APR21-2240-P",
    "change_id": 8973367653,
    "bids": [["new", 0.0255, 4.0], ["new", 0.025, 4.0]],
    "asks": [["new", 0.03, 5.0], ["new", 0.0305, 1.0]],
}
GROUPED_BOOK = {
    "timestamp": 1617644858339,
    "instrument_name": "ETH-30APR21-2240-P",
    "change_id": 8973367846,
    "bids": [[0.026, 299.0], [0.0255, 4.0]],
    "asks": [[0.03, 1.5]],
}
PERPETUAL = next(row for row in recorded("instruments_future.json") if row["instrument_name"] == "BTC-PERPETUAL")
LINEAR_OPTION = recorded("instruments_option.json")[0]
TICKER = recorded("option_tickers.json")["XRP_USDC-21SEP26-1d3-P"]
TICKER_CONTRACT = from_deribit("XRP_USDC-21SEP26-1d3-P")
PUBLIC_TRADE = {
    "timestamp": 1765531356452,
    "price": 92288.5,
    "amount": 750.0,
    "direction": "sell",
    "index_price": 92276.75,
    "instrument_name": "BTC-PERPETUAL",
    "trade_seq": 271252855,
    "mark_price": 92287.11,
    "tick_direction": 2,
    "contracts": 75.0,
    "trade_id": "403691825",
}
TRADE = recorded("user_trades.json")["trades"][0] | {"label": "hedger.k3f9.17"}
ORDER = {
    "label": "hedger.k3f9.17",
    "price": 4580.05,
    "amount": 100.0,
    "direction": "buy",
    "time_in_force": "good_til_cancelled",
    "instrument_name": "ETH-PERPETUAL",
    "order_id": "ETH-41421995110",
    "creation_timestamp": 1757938366470,
    "replaced": False,
    "filled_amount": 100.0,
    "last_update_timestamp": 1757938366470,
    "post_only": False,
    "reduce_only": False,
    "average_price": 4580.05,
    "order_state": "filled",
    "order_type": "limit",
    "user_id": 62178,
    "mmp": False,
}
CHANGES = {"instrument_name": "ETH-PERPETUAL", "trades": [TRADE], "orders": [ORDER], "positions": []}
POSITION = {
    "total_profit_loss": -5.8e-08,
    "size_currency": -0.001119512,
    "size": -10.0,
    "settlement_price": 8927.7,
    "realized_profit_loss": 0.0,
    "mark_price": 8932.46,
    "kind": "future",
    "instrument_name": "BTC-PERPETUAL",
    "index_price": 8924.88,
    "floating_profit_loss": -5.8e-08,
    "direction": "sell",
    "delta": -0.001119512,
    "average_price": 8932.0,
}
STANDING = recorded("account_summaries.json")["summaries"][0]
MMP = {
    "index_name": "btc_usd",
    "mmp_group": "mm",
    "interval": 60,
    "frozen_time": 0,
    "quantity_limit": 3.0,
    "delta_limit": 1.5,
    "max_quote_quantity": 2.5,
}
LOGIN = {
    "access_token": "access",
    "expires_in": 900,
    "refresh_token": "refresh",
    "scope": "account:read connection trade:read_write",
    "token_type": "bearer",
}
BLOCK_RFQ = {
    "state": "open",
    "amount": 40000,
    "role": "maker",
    "combo_id": "BTC-15NOV24",
    "legs": [{"direction": "sell", "instrument_name": "BTC-15NOV24", "ratio": 1}],
    "creation_timestamp": 1731062457741,
    "block_rfq_id": 508,
    "expiration_timestamp": 1731062757741,
    "hedge": {"amount": 10, "direction": "buy", "price": 70000, "instrument_name": "BTC-PERPETUAL"},
    "taker_rating": "1-2",
}
BLOCK_QUOTE = {
    "label": "example_quote",
    "amount": 10000,
    "direction": "buy",
    "price": 69600,
    "legs": [{"direction": "buy", "price": 69600, "instrument_name": "BTC-15NOV24", "ratio": 1}],
    "creation_timestamp": 1731076586371,
    "block_rfq_id": 3,
    "replaced": False,
    "filled_amount": 0,
    "last_update_timestamp": 1731076586371,
    "block_rfq_quote_id": 8,
    "quote_state": "open",
}
MASS_QUOTED = {
    "orders": [ORDER],
    "trades": [TRADE],
    "errors": [
        {
            "instrument_name": "ETH-30MAY25-3000-C",
            "side": "bid",
            "error": {"code": 10009, "message": "not_enough_funds"},
        }
    ],
    "pending_requests": 0,
}
