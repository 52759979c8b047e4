"""Every recorded message of the venue that our codecs have a reader for, read, and held to a plain reading of it."""

from decimal import Decimal

import orjson
import pytest
from deribit_captures import BESIDE, documents, files, walk

from atomizer.domain.trading import OrderState
from atomizer.net.rpc import Answer
from atomizer.venues.deribit import account_codec, codec, codes, market_codec
from atomizer.venues.deribit.names import from_deribit

pytestmark = pytest.mark.skipif(not BESIDE.exists(), reason="the captures are not part of the repository")

NOW_NS = 1_790_000_000 * 10**9
NANOS, E18 = 10**9, 10**18
STATES = {
    "open": OrderState.OPEN,
    "untriggered": OrderState.OPEN,
    "triggered": OrderState.OPEN,
    "filled": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
    "rejected": OrderState.REFUSED,
}


def recorded(*fields):
    """Every recorded dictionary that has all of these."""
    found = [row for path in files() for document in documents(path) for row in walk(document)]
    return [row for row in found if row.keys() >= set(fields)]


def text(value):
    return orjson.dumps(value)


def scaled(number, units):
    return int(Decimal(str(number)) * units)


def is_contract(name):
    try:
        from_deribit(name)
    except ValueError:
        return False
    return True


def test_orders():
    """State, filled amount, label and the venue's name of each."""
    rows = recorded("order_id", "order_state", "instrument_name", "creation_timestamp")
    for row in rows:
        order = codec.parse_order(text(row))
        assert order.state is STATES[row["order_state"]]
        assert order.filled_nanos == scaled(row.get("filled_amount", 0), NANOS)
        assert (order.order_id, order.client_id) == (row["order_id"], row.get("label") or row["order_id"])
    assert rows


def test_trades_of_ours():
    """Price, amount, fee and side of each, to the last digit; those of combos are left out."""
    rows = recorded("trade_id", "order_id", "fee", "liquidity", "direction", "index_price", "timestamp")
    count = 0
    for row in rows:
        fills = codec.parse_trade_list(text([row]), NOW_NS)
        assert len(fills) == is_contract(row["instrument_name"])
        for fill in fills:
            count += 1
            assert (fill.price_nanos, fill.amount_nanos) == (scaled(row["price"], NANOS), scaled(row["amount"], NANOS))
            assert (fill.fee_e18, fill.is_maker) == (scaled(row["fee"], E18), row["liquidity"] == "M")
            assert (fill.side.word, fill.trade_id) == (row["direction"], row["trade_id"])
            assert fill.venue_time_ns == row["timestamp"] * 10**6
    assert count


def test_the_tape():
    """Price, amount and the taker's side of each public trade, and whether the book made it."""
    count = 0
    for row in recorded("trade_id", "trade_seq", "direction", "index_price", "instrument_name", "tick_direction"):
        trades = market_codec.parse_public_trades(text([row]), NOW_NS)
        assert len(trades) == is_contract(row["instrument_name"])
        for trade in trades:
            count += 1
            assert (trade.price_nanos, trade.amount_nanos) == (
                scaled(row["price"], NANOS),
                scaled(row["amount"], NANOS),
            )
            assert (trade.side.word, trade.is_block) == (row["direction"], "block_trade_id" in row)
    assert count


def test_whole_books():
    """Every level of each book that was sent whole."""
    count = 0
    for row in recorded("bids", "asks", "change_id", "timestamp"):
        if not is_contract(row["instrument_name"]) or any(len(level) != 2 for level in row["bids"] + row["asks"]):
            continue
        book = market_codec.parse_grouped_book(text(row))
        for side, levels in (("bids", book.bids), ("asks", book.asks)):
            assert levels == [(scaled(price, NANOS), scaled(size, NANOS)) for price, size in row[side]]
        count += 1
    assert count


def test_positions():
    """Amount with its side, average and mark of each."""
    rows = recorded("instrument_name", "size", "direction", "average_price", "mark_price", "kind")
    for row in rows:
        positions = account_codec.parse_positions(text([row]))
        assert len(positions) == (row["size"] != 0 and is_contract(row["instrument_name"]))
        for position in positions:
            sign = -1 if row["direction"] == "sell" else 1
            assert position.amount_e18 == sign * abs(scaled(row["size"], E18))
            assert position.average_price_e18 == pytest.approx(row["average_price"] * E18)
    assert rows


def test_standings():
    """What each account is worth, in its currency."""
    rows = recorded("currency", "equity", "balance", "margin_balance", "portfolio_margining_enabled")
    for row in rows:
        standing = account_codec.parse_standing(text(row))
        assert (standing.currency, standing.equity_e18) == (row["currency"], round(Decimal(str(row["equity"])) * E18))
    assert rows


def test_indices_of_volatility():
    """In percent there, a fraction here."""
    rows = recorded("volatility", "index_name", "timestamp")
    for row in rows:
        assert market_codec.parse_volatility_index(text(row)).volatility == pytest.approx(row["volatility"] / 100)
    assert rows


def test_errors():
    """Each is the answer to its request, with the venue's code, and none is unfamiliar."""
    rows = [row for row in recorded("id", "error") if isinstance(row["error"], dict) and isinstance(row["id"], int)]
    for row in rows:
        answer = codec.parse_message(text(row))
        assert isinstance(answer, Answer)
        assert answer.fault.code == row["error"]["code"]
        assert row["error"]["code"] in codes.ERRORS
    assert rows
