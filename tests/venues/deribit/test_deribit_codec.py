"""Deribit's messages become typed values, exactly, or are refused with the field that is wrong."""

import contextlib
import json
from copy import deepcopy
from decimal import Decimal

import deribit_samples as samples
import orjson
import pytest
from deribit_captures import FREE, documents, files, walk
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atomizer._core.fixed import format_nanos
from atomizer.domain.instruments import NANOS, USD, TickStep, parse_name
from atomizer.domain.trading import OrderPlaced, OrderState, Side, TimeInForce
from atomizer.errors import BadFrame, OutcomeUnknown, Refused
from atomizer.net.channels import Notice
from atomizer.net.rpc import Answer
from atomizer.venues.deribit import account_codec, block_codec, codec, listing_codec, market_codec, quotes_codec, wire
from atomizer.venues.deribit.codec import Heartbeat, parse_message
from atomizer.venues.deribit.codes import ERRORS, classify
from atomizer.venues.deribit.names import from_deribit

NOW_NS = 1_780_000_000 * NANOS
E18 = 10**18
# Samples that no venue sent: contracts that expire at noon, and a combo of no kind.
MADE_BY_HAND = {"BTC-27DEC24-100000-C", "BTC-27DEC24", "BTC-COMBO-1"}


def text(value):
    return json.dumps(value).encode()


def bent(sample, *path_and_value):
    """A copy of a sample with one place changed."""
    *path, last, value = path_and_value
    changed = deepcopy(sample)
    inner = changed
    for key in path:
        inner = inner[key]
    inner[last] = value
    return changed


# --- the envelope


def test_messages_are_told_apart():
    """A frame is a channel's notice, a heartbeat, a result, or a fault; data and results stay as they came."""
    notice = parse_message(b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"quote.X","data":[1, 2]}}')
    assert isinstance(notice, Notice)
    assert (notice.channel, bytes(notice.data)) == ("quote.X", b"[1, 2]")
    assert parse_message(b'{"jsonrpc":"2.0","id":7,"result":null,"usIn":1,"usOut":2}') == Answer(7, b"null", None)
    assert parse_message(memoryview(b'{"id":7,"result":{"a":1.50}}')) == Answer(7, b'{"a":1.50}', None)
    for kind, wants_answer in (("heartbeat", False), ("test_request", True)):
        frame = text({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}})
        assert parse_message(frame) == Heartbeat(wants_answer)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "not_json"),
        (b"pong", "not_json"),
        (b"[]", "not_json"),
        (b'{"id":7,"result":1', "not_json"),
        (b'{"id":7}', "bad_frame"),
        (b"{}", "unknown_kind"),
        (b'{"id":"7","result":1}', "unknown_kind"),
        (b'{"id":7.0,"result":1}', "not_json"),
        (b'{"method":"subscription","params":{"channel":"x"}}', "bad_frame"),
        (b'{"method":"subscription"}', "bad_frame"),
        (b'{"error":{"code":10028,"message":"too_many_requests"}}', "unaddressed"),
        (b"[" * 100_000, "not_json"),
    ],
)
def test_what_is_no_message_has_a_reason(frame, reason):
    """Bytes that are no message are refused by a counted word."""
    with pytest.raises(BadFrame) as caught:
        parse_message(frame)
    assert caught.value.reason == reason


# --- faults


def test_every_code_is_classified_once_and_in_words():
    """All codes of the venue's table: a definite no, an unknown outcome, or a call to slow down; never two of them."""
    assert len(ERRORS) > 100
    for code, known in ERRORS.items():
        fault = classify(code, known.word, None)
        assert known.word.split("_")[0] in fault.words
        assert not (fault.is_unknown and fault.hold_ms)
        assert isinstance(fault.as_error("deribit", "buy"), OutcomeUnknown if fault.is_unknown else Refused)
    assert {code for code in ERRORS if classify(code, "", None).hold_ms} == {10028, 10066}


def test_an_unfamiliar_code_leaves_the_outcome_unknown():
    """What we never heard of may mean anything, so the venue is asked."""
    assert classify(10999, "new_error", None).is_unknown


@pytest.mark.parametrize(
    ("data", "hold_ms"),
    [
        ({"wait": 2}, 2000),
        ({"wait": 0.25}, 250),
        ({"wait": 10**6}, 1000),
        ({"wait": "x"}, 1000),
        ({}, 1000),
        (None, 1000),
    ],
)
def test_the_venue_says_for_how_long_to_be_silent(data, hold_ms):
    """Its hint in seconds counts within reason; without one we wait a second."""
    assert classify(10028, "too_many_requests", data).hold_ms == hold_ms


def test_what_the_venue_complains_of_is_named():
    """Parameter and reason are in the words, with the remedy behind them."""
    fault = classify(-32602, "Invalid params", {"reason": "must conform to tick size", "param": "price"})
    assert fault.words == "Invalid params: price must conform to tick size"
    assert "deposit" in classify(10009, "not_enough_funds", None).words


# --- numbers


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**9), max_value=10**9))
def test_numbers_are_read_to_the_last_digit(number):
    """Nine decimals go to nanos and back without a change."""
    value = wire.nanos(number, "x", at_least=-(2**62))
    assert Decimal(value) == number * NANOS
    assert Decimal(format_nanos(value)) == number
    assert orjson.loads(orjson.dumps(codec.number(value))) == pytest.approx(float(number), rel=1e-12)


@pytest.mark.parametrize(
    "number", ["1e-10", "0.0000000001", "1e400", "1e-400", "99999999999", "-1", "9223372036.8547758071"]
)
def test_what_nanos_cannot_carry_is_refused(number):
    """Too many decimals, too large, or negative where it may not be."""
    with pytest.raises(BadFrame, match="size"):
        wire.nanos(Decimal(number), "size")


def test_marks_are_rounded_and_amounts_are_not():
    """The venue computes marks to more digits than nanos; a half goes to the even neighbour."""
    for number, nanos in (("0.0000000005", 0), ("0.0000000015", 2), ("1.6e-7", 160), ("0.00000000051", 1)):
        assert wire.nanos_nearest(Decimal(number), "mark") == nanos
    assert wire.e18(Decimal("-1.88e-07"), "pnl") == -188 * 10**9


# --- listings


def test_a_recorded_inverse_option_has_its_steps_and_its_coin():
    """Tick, tick step, lot and fees of a listed BTC option; paid in BTC."""
    listings = listing_codec.parse_instruments((FREE / "instruments_option.json").read_bytes()).listings
    option = next(each.instrument for each in listings if each.instrument.tick_steps)
    assert option.tick_steps == (TickStep(5_000_000, 500_000),)
    assert (option.tick_nanos, option.lot_nanos, option.currency) == (100_000, 100_000_000, "BTC")
    assert (option.tick_at(5_000_000), option.tick_at(5_000_001)) == (100_000, 500_000)
    assert option.maker_fee_nanos == 300_000
    assert option.is_inverse
    assert not option.is_amount_usd


def test_recorded_listings_are_all_read():
    """Every recorded list of options and futures, of seven years, is read without one left out but combos."""
    count = 0
    for path in files():
        for document in documents(path):
            rows = [row for row in walk(document) if isinstance(row.get("is_active"), bool)]
            found = listing_codec.parse_instruments(text(rows))
            assert {name for name, words in found.skipped.items() if "combo" not in words} <= MADE_BY_HAND
            count += len(found.listings)
    assert count > 300


def test_amounts_of_inverse_futures_count_dollars():
    """A BTC perpetual: ticks in USD, amounts in USD by its contract, paid in BTC; a linear one is paid in USD."""
    inverse = listing_codec.parse_instrument(text(samples.PERPETUAL))
    assert (inverse.instrument.currency, inverse.instrument.is_amount_usd, inverse.index_name) == (
        "BTC",
        True,
        "btc_usd",
    )
    assert (inverse.instrument.tick_nanos, inverse.instrument.lot_nanos) == (NANOS // 2, 10 * NANOS)
    linear = listing_codec.parse_instrument(text(samples.LINEAR_OPTION)).instrument
    assert (linear.name, linear.currency, linear.is_amount_usd) == ("XRP_USDC-20260921-1_25-C", USD, False)
    assert linear.contract.base == "XRP"


@pytest.mark.parametrize(
    ("sample", "field", "value"),
    [
        (samples.LINEAR_OPTION, "strike", 1.26),
        (samples.LINEAR_OPTION, "option_type", "put"),
        (samples.LINEAR_OPTION, "kind", "future"),
        (samples.LINEAR_OPTION, "settlement_currency", "XRP"),
        (samples.LINEAR_OPTION, "instrument_type", "reversed"),
        (samples.LINEAR_OPTION, "expiration_timestamp", 1789977600001),
        (samples.LINEAR_OPTION, "base_currency", "SOL"),
        (samples.LINEAR_OPTION, "instrument_name", "XRP_USDT-21SEP26-1d25-C"),
        (samples.PERPETUAL, "tick_size", 0),
        (samples.PERPETUAL, "contract_size", -10),
        (samples.PERPETUAL, "instrument_name", "BTC-FS-19MAY26_PERP"),
    ],
)
def test_a_listing_that_contradicts_itself_is_left_out_alone(sample, field, value):
    """Name and details must say the same; one odd record costs no other."""
    found = listing_codec.parse_instruments(text([samples.PERPETUAL, bent(sample, field, value), 7]))
    assert [each.instrument.name for each in found.listings] == ["BTC-PERP"]
    assert len(found.skipped) == 2


# --- tickers


def tickers():
    """Every recorded ticker of a contract, with its instrument's name."""
    for path in files():
        for document in documents(path):
            for row in walk(document):
                if "mark_price" in row and "index_price" in row and "state" in row and "best_bid_price" in row:
                    with contextlib.suppress(ValueError):
                        yield row, from_deribit(row["instrument_name"])


def test_every_recorded_ticker_is_read_with_no_field_lost():
    """What we keep of each is what the venue said, number by number."""
    count = 0
    for row, contract in tickers():
        ticker = market_codec.parse_ticker(text(row), contract, NOW_NS)
        mark, greeks = ticker.mark, row.get("greeks") or {}
        assert mark.instrument == contract.name
        assert mark.venue_time_ns == row["timestamp"] * 10**6
        assert mark.mark_nanos / NANOS == pytest.approx(row["mark_price"])
        assert mark.index_nanos / NANOS == pytest.approx(row["index_price"])
        for field, ours in (
            ("best_bid_price", ticker.bid_nanos),
            ("best_bid_amount", ticker.bid_amount_nanos),
            ("best_ask_price", ticker.ask_nanos),
            ("best_ask_amount", ticker.ask_amount_nanos),
            ("last_price", ticker.last_nanos),
            ("min_price", ticker.lowest_nanos),
            ("max_price", ticker.highest_nanos),
            ("open_interest", ticker.open_interest_nanos),
        ):
            assert ours / NANOS == pytest.approx(row.get(field) or 0)
        if contract.is_option:
            assert mark.iv == pytest.approx(row["mark_iv"] / 100)
            assert (ticker.bid_iv, ticker.ask_iv) == pytest.approx(
                ((row["bid_iv"] or 0) / 100, (row["ask_iv"] or 0) / 100)
            )
            assert mark.forward_nanos / NANOS == pytest.approx(row["underlying_price"])
            assert (mark.delta, mark.gamma, mark.vega, mark.theta) == tuple(
                greeks[each] for each in ("delta", "gamma", "vega", "theta")
            )
        count += 1
    assert count > 350


def test_a_futures_delta_is_of_one_unit_of_amount():
    """A coin for a linear future; for an inverse one, whose amounts are dollars, what a dollar buys at the mark."""
    row = json.loads((FREE / "ticker_future.json").read_text())
    contract = from_deribit(row["instrument_name"])
    mark = market_codec.parse_ticker(text(row), contract, NOW_NS).mark
    assert mark.delta == pytest.approx(1 / row["mark_price"])
    assert (mark.currency, mark.gamma, mark.vega, mark.theta, mark.iv) == ("BTC", 0, 0, 0, 0)
    linear = parse_name("BTC_USDC-PERP")
    row = row | {"instrument_name": "BTC_USDC-PERPETUAL"}
    assert market_codec.parse_ticker(text(row), linear, NOW_NS).mark.delta == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("delta", 1.01), ("gamma", -0.1), ("vega", -1e-9), ("theta", 1e16), ("delta", "0.5"), ("delta", None)],
)
def test_a_greek_outside_its_range_is_refused(field, value):
    """Delta within ±1, gamma and vega not negative, all of them numbers."""
    with pytest.raises(BadFrame, match="ticker"):
        market_codec.parse_ticker(text(bent(samples.TICKER, "greeks", field, value)), samples.TICKER_CONTRACT, NOW_NS)


@pytest.mark.parametrize("field", ["greeks", "mark_iv", "underlying_price", "index_price", "mark_price", "timestamp"])
def test_a_ticker_without_what_we_use_is_refused(field):
    """An option's ticker without mark, index, volatility or Greeks is none."""
    row = {key: value for key, value in samples.TICKER.items() if key != field}
    with pytest.raises(BadFrame):
        market_codec.parse_ticker(text(row), samples.TICKER_CONTRACT, NOW_NS)


def test_a_ticker_of_another_instrument_is_refused():
    """A channel's data must be of the channel's instrument."""
    with pytest.raises(BadFrame, match="expected"):
        market_codec.parse_ticker(text(samples.TICKER), parse_name("ETH-PERP"), NOW_NS)


def test_indices_and_trades_are_read():
    """The index in USD, the volatility index as a fraction, and a taker's trade."""
    index = market_codec.parse_index(b'{"timestamp":1619777946007,"price":54000.5,"index_name":"btc_usd"}')
    assert index == ("btc_usd", 54_000_500_000_000, 1_619_777_946_007_000_000)
    volatility = market_codec.parse_volatility_index(
        b'{"timestamp":1619777946007,"volatility":129.36,"index_name":"x"}'
    )
    assert volatility.volatility == pytest.approx(1.2936)
    (trade,) = market_codec.parse_public_trades(
        text([samples.PUBLIC_TRADE, samples.PUBLIC_TRADE | {"instrument_name": "BTC_USDC"}]), NOW_NS
    )
    assert (trade.instrument, trade.side, trade.price_nanos) == ("BTC-PERP", Side.SELL, 92_288_500_000_000)
    assert (trade.amount_nanos, trade.is_block) == (750 * NANOS, False)
    blocks = [samples.PUBLIC_TRADE | {"block_trade_id": "BLOCK-1"}, samples.PUBLIC_TRADE | {"block_rfq_id": 7}]
    assert all(trade.is_block for trade in market_codec.parse_public_trades(text(blocks), NOW_NS))


# --- our orders and trades


def test_an_order_is_asked_for_in_the_venues_words():
    """Side in the method, exact numbers, an explicit post_only, and a time after which the venue refuses it."""
    order = OrderPlaced(
        now_ns=NOW_NS,
        venue="deribit",
        client_id="mm.k3f9.17",
        nonce=1,
        instrument="SOL_USDC-20261002-72_5-P",
        side=Side.SELL,
        price_nanos=1_150_000_000,
        amount_nanos=10 * NANOS,
        time_in_force=TimeInForce.POST_ONLY,
        is_protected=True,
    )
    params = codec.build_order(order, parse_name(order.instrument), NOW_NS // 10**6)
    assert codec.method_of(order.side) == "private/sell"
    sent = codec.build_request(3, "private/sell", params)
    assert b'"price":1.15,' in sent
    assert b'"amount":10,' in sent
    assert orjson.loads(sent)["params"] == {
        "instrument_name": "SOL_USDC-2OCT26-72d5-P",
        "amount": 10,
        "type": "limit",
        "price": 1.15,
        "label": "mm.k3f9.17",
        "time_in_force": "good_til_cancelled",
        "post_only": True,
        "reject_post_only": True,
        "reduce_only": False,
        "mmp": True,
        "valid_until": NOW_NS // 10**6 + 5000,
    }


@pytest.mark.parametrize(
    ("life", "said", "is_post_only"),
    [
        (TimeInForce.GTC, "good_til_cancelled", False),
        (TimeInForce.IOC, "immediate_or_cancel", False),
        (TimeInForce.POST_ONLY, "good_til_cancelled", True),
    ],
)
def test_lives_of_orders(life, said, is_post_only):
    """Each of our lives of an order has one meaning there."""
    order = OrderPlaced(
        now_ns=1, venue="deribit", client_id="a.b.1", nonce=1, instrument="ETH-PERP", side=Side.BUY, price_nanos=1,
        amount_nanos=1, time_in_force=life,
    )  # fmt: skip
    params = codec.build_order(order, parse_name("ETH-PERP"), 0)
    assert (params["time_in_force"], params["post_only"]) == (said, is_post_only)
    assert params.get("reject_post_only", False) is is_post_only


def test_recorded_orders_are_read():
    """Placed, edited, cancelled, and waiting for a trigger without a filled amount."""
    for name, state in (
        ("ws_order_buy_response", OrderState.OPEN),
        ("ws_order_sell_response", OrderState.OPEN),
        ("ws_order_edit_response", OrderState.OPEN),
        ("ws_order_stop_market_no_filled_amount", OrderState.OPEN),
        ("ws_order_cancel_response", OrderState.CANCELLED),
    ):
        path = next((each for each in files() if each.stem == name), None)
        if path is None:
            pytest.skip("captures are not part of the repository")
        answer = parse_message(path.read_bytes())
        order = (
            codec.parse_order(answer.result)
            if state is OrderState.CANCELLED
            else codec.parse_placed(answer.result, NOW_NS)[0]
        )
        assert (order.state, order.filled_nanos) == (state, 0)
        assert order.order_id.startswith("USDC-")
        assert order.client_id.startswith("O-1970")
        assert order.contract.underlying.endswith("_USDC")


def test_recorded_fills_are_read():
    """Each recorded trade of an account: price and amount as they stand, fee and coin, and the index beside them."""
    result = json.loads((FREE / "user_trades.json").read_text())
    fills, has_more, last_ms = codec.parse_trades(text(result), NOW_NS)
    assert len(fills) == len(result["trades"]) == 6
    for fill, row in zip(fills, result["trades"], strict=True):
        assert fill.instrument == from_deribit(row["instrument_name"]).name
        assert fill.price_nanos == round(row["price"] * NANOS)
        assert fill.amount_nanos == round(row["amount"] * NANOS)
        assert fill.currency == row["fee_currency"]
        assert fill.fee_e18 == round(Decimal(str(row["fee"])) * E18)
        assert fill.index_nanos == round(row["index_price"] * NANOS)
        assert (fill.trade_id, fill.client_id) == (row["trade_id"], row["label"])
        assert fill.is_maker == (row["liquidity"] == "M")
    assert has_more is result["has_more"]
    assert last_ms == max(row["timestamp"] for row in result["trades"])


def test_a_fee_in_another_coin_than_the_contract_pays_is_refused():
    """Books are kept in the coin that a contract pays: a fee in another one is not guessed to be that."""
    with pytest.raises(BadFrame, match="fee_currency"):
        codec.parse_trade_list(text([samples.TRADE | {"fee_currency": "USDC"}]), NOW_NS)


def test_trades_of_what_we_do_not_trade_are_left_out():
    """A combo's legs come as trades of their own; spot is nobody's position here."""
    rows = [samples.TRADE, *(samples.TRADE | {"instrument_name": name} for name in ("BTC-FS-19MAY26_PERP", "ETH_USDC"))]
    assert len(codec.parse_trade_list(text(rows), NOW_NS)) == 1


def test_changes_carry_orders_and_trades():
    """One private message says what became of the order and what was traded."""
    orders, fills = codec.parse_changes(text(samples.CHANGES), NOW_NS)
    assert [order.state for order in orders] == [OrderState.FILLED]
    assert [fill.trade_id for fill in fills] == ["ETH-40215115"]
    update = orders[0].as_update(NOW_NS)
    assert (update.client_id, update.filled_nanos, update.order_id) == (
        "hedger.k3f9.17",
        100 * NANOS,
        "ETH-41421995110",
    )


# --- the account


def test_recorded_standings_and_limits_are_read():
    """Every currency's account, and the least rates of all currencies."""
    for path in files():
        if "account_summar" not in path.name:
            continue
        document = documents(path)[0]
        result = document.get("result", document) if isinstance(document, dict) else None
        if result is None or "summaries" not in result:
            continue
        standings, limits = account_codec.parse_standings(text(result))
        rows = result["summaries"]
        assert [standing.currency for standing in standings] == [row["currency"] for row in rows]
        for standing, row in zip(standings, rows, strict=True):
            assert standing.equity_e18 == round(Decimal(str(row["equity"])) * E18)
            assert standing.is_portfolio_margin is row["portfolio_margining_enabled"]
        assert limits.matching is None or limits.matching.burst > 0
    found = account_codec.parse_standings((FREE / "account_summaries.json").read_bytes())[1]
    assert found == ((250, 200), (1500, 1000), (500, 500), (250, 200))


def test_positions_carry_their_side_in_the_sign():
    """A short is negative whatever the sign of its size; flat ones and combos are left out."""
    rows = [
        samples.POSITION,
        samples.POSITION | {"size": 10.0, "instrument_name": "ETH-PERPETUAL"},
        samples.POSITION | {"size": 0.0, "direction": "zero"},
        samples.POSITION | {"instrument_name": "BTC-FS-19MAY26_PERP"},
    ]
    positions = account_codec.parse_positions(text(rows))
    assert [(each.instrument, each.amount_e18, each.currency) for each in positions] == [
        ("BTC-PERP", -10 * E18, "BTC"),
        ("ETH-PERP", -10 * E18, "ETH"),
    ]
    assert not positions[0].is_comparable
    assert positions[0].average_price_e18 == 8932 * E18


def test_a_protection_reads_back_as_it_was_set():
    """What is built for the venue, as the venue would tell it, is the protection again."""
    for wanted in (
        account_codec.MmpConfig(index_name="eth_usd", interval_s=5, frozen_s=0, max_quote_nanos=NANOS),
        account_codec.MmpConfig(
            index_name="btc_usd", interval_s=1, frozen_s=10, max_quote_nanos=NANOS, group="mm",
            quantity_nanos=3 * NANOS, delta_nanos=NANOS // 2, vega_nanos=NANOS, trades=7, is_block_rfq=True,
        ),
    ):  # fmt: skip
        built = orjson.loads(orjson.dumps(account_codec.build_mmp(wanted)))
        assert account_codec.parse_mmp(text([built])) == [wanted]


# --- mass quotes and block RFQs


def test_a_mass_quote_says_each_side_or_leaves_it():
    """A side that is not named stays as it is; prices are exact; crossing is refused and not moved."""
    bid = quotes_codec.QuoteSide(26_500_000, NANOS)
    quote = quotes_codec.TwoSided(parse_name("ETH-20250530-3000-C"), bid, None)
    params = orjson.loads(orjson.dumps(quotes_codec.build_mass_quote([quote], "mm", "q1", 5)))
    side = {"price": 0.0265, "amount": 1, "post_only": True, "reject_post_only": True}
    assert params["quotes"] == [{"instrument_name": "ETH-30MAY25-3000-C", "quote_set_id": "1", "bid": side}]
    for bad in ([], [quote] * 2, [quote] * 101):
        with pytest.raises(ValueError, match="mass quote"):
            quotes_codec.build_mass_quote(bad, "mm", "q1", 5)


def test_a_mass_quotes_refusals_name_side_and_reason():
    """What was not taken, by instrument and side, beside what was."""
    result = {
        "orders": [samples.ORDER],
        "trades": [],
        "errors": [{"instrument_name": "X", "side": "ask", "error": {"code": 10009, "message": "not_enough_funds"}}],
        "pending_requests": 0,
    }
    quoted = quotes_codec.parse_mass_quoted(text(result), NOW_NS)
    assert quoted.refusals == [("X", Side.SELL, 10009, "not_enough_funds")]
    assert [order.client_id for order in quoted.orders] == ["hedger.k3f9.17"]
    assert quoted.pending == 0


def test_a_block_rfq_is_quoted_leg_by_leg():
    """The quote repeats the legs of the RFQ with our prices, on either side, and its hedge."""
    rfq = block_codec.parse_block_rfq(text(samples.BLOCK_RFQ))
    assert [(leg.contract.name, leg.side, leg.ratio) for leg in rfq.legs] == [("BTC-20241115", Side.SELL, 1)]
    assert rfq.hedge.price_nanos == 70_000 * NANOS
    params = block_codec.build_quote(rfq, Side.BUY, rfq.amount_nanos, (69_600 * NANOS,), label="mm.a.1", expires_ms=9)
    built = orjson.loads(orjson.dumps(params))
    assert built["legs"] == [{"instrument_name": "BTC-15NOV24", "direction": "sell", "ratio": 1, "price": 69600}]
    assert (built["direction"], built["amount"], built["block_rfq_id"]) == ("buy", 40000, 508)
    assert built["hedge"]["instrument_name"] == "BTC-PERPETUAL"
    with pytest.raises(ValueError, match="legs"):
        block_codec.build_quote_edit(rfq, 8, NANOS, ())
    quote = block_codec.parse_quote(text(samples.BLOCK_QUOTE))
    assert (quote.quote_id, quote.rfq_id, quote.state, quote.side) == (8, 3, "open", Side.BUY)


# --- fuzz: error or value

PARSERS = {
    "book": (market_codec.parse_book, samples.BOOK),
    "grouped_book": (market_codec.parse_grouped_book, samples.GROUPED_BOOK),
    "instruments": (listing_codec.parse_instruments, [samples.PERPETUAL, samples.LINEAR_OPTION]),
    "ticker": (lambda data: market_codec.parse_ticker(data, samples.TICKER_CONTRACT, NOW_NS), samples.TICKER),
    "public_trades": (lambda data: market_codec.parse_public_trades(data, NOW_NS), [samples.PUBLIC_TRADE]),
    "placed": (lambda data: codec.parse_placed(data, NOW_NS), {"order": samples.ORDER, "trades": [samples.TRADE]}),
    "changes": (lambda data: codec.parse_changes(data, NOW_NS), samples.CHANGES),
    "trades": (lambda data: codec.parse_trades(data, NOW_NS), {"trades": [samples.TRADE], "has_more": False}),
    "login": (codec.parse_login, samples.LOGIN),
    "subscribed": (lambda data: codec.parse_subscribed(data, ["a"]), ["a"]),
    "count": (codec.parse_count, 3),
    "time": (codec.parse_time, 1772624842966),
    "positions": (account_codec.parse_positions, [samples.POSITION]),
    "standings": (account_codec.parse_standings, {"summaries": [samples.STANDING]}),
    "mmp": (account_codec.parse_mmp, [samples.MMP]),
    "trips": (account_codec.parse_trips, [{"index_name": "btc_usd", "frozen_until": 0}]),
    "block_rfq": (block_codec.parse_block_rfq, samples.BLOCK_RFQ),
    "block_quote": (block_codec.parse_quotes, [samples.BLOCK_QUOTE]),
    "mass_quoted": (lambda data: quotes_codec.parse_mass_quoted(data, NOW_NS), samples.MASS_QUOTED),
}

leaves = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)  # fmt: skip
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def places(value, path=()):
    """Every path into a nested value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=50)
@given(data=st.data())
def test_one_changed_place_gives_a_value_or_a_bad_frame(name, data):
    """Whatever stands in any one place of a good message, its parser answers or refuses, and nothing else."""
    parse, sample = PARSERS[name]
    path = data.draw(st.sampled_from(list(places(sample))))
    value = data.draw(anything)
    with contextlib.suppress(BadFrame):
        parse(text(bent(sample, *path, value) if path else value))


@pytest.mark.parametrize("name", PARSERS)
def test_the_samples_themselves_are_read(name):
    """What the fuzzing starts from is well formed."""
    parse, sample = PARSERS[name]
    parse(text(sample))


FRAMES = [
    text({"jsonrpc": "2.0", "method": "subscription", "params": {"channel": "book.X.raw", "data": samples.BOOK}}),
    text({"id": 7, "result": {"order": samples.ORDER, "trades": []}}),
    text({"id": 7, "error": {"code": -32602, "message": "Invalid params", "data": {"reason": "r", "param": "p"}}}),
]


@settings(max_examples=200)
@given(
    frame=st.sampled_from(FRAMES),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), min_size=1, max_size=5),
)
@example(frame=b"\x00", edits=[(0, b"")])
def test_bent_bytes_give_a_message_or_a_bad_frame(frame, edits):
    """Whatever bytes come, the envelope is a message or a BadFrame."""
    bytes_ = bytearray(frame)
    for place, patch in edits:
        at = place % (len(bytes_) + 1)
        bytes_[at : at + len(patch)] = patch
    with contextlib.suppress(BadFrame):
        assert isinstance(parse_message(bytes(bytes_)), Answer | Notice | Heartbeat)
