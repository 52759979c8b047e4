"""Derive's messages become typed values, exactly, or are refused with the field that is wrong."""

import contextlib
import csv
import json
from copy import deepcopy
from functools import partial
from pathlib import Path

import derive_samples as samples
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atomizer.domain.instruments import NANOS, OptionType, parse_name
from atomizer.domain.trading import Fill, OrderState, Side
from atomizer.errors import BadFrame
from atomizer.net.channels import Notice
from atomizer.net.rpc import Answer
from atomizer.venues.derive import account_codec, codec, market_codec, protection, rfq_codec
from atomizer.venues.derive.codec import parse_message

FREE = json.loads((Path(__file__).parents[2] / "data" / "derive" / "ccxt_derive_http_20250106.json").read_text())
CAPTURES = Path(__file__).parents[4] / "shared" / "data" / "derive"
needs_captures = pytest.mark.skipif(not CAPTURES.exists(), reason="captures are not part of the repository")
NOW_NS = 1_780_000_000 * 10**9
E18 = 10**18


def capture(name):
    return json.loads((CAPTURES / name).read_text())


# --- the envelope


def test_a_notice_is_told_from_an_answer():
    """A frame is a channel's notice, a result, or a fault; v3's jsonrpc member changes nothing."""
    notice = {"method": "subscription", "params": {"channel": "30769.orders", "data": [1]}}
    assert parse_message(orjson.dumps(notice)) == Notice("30769.orders", [1])
    assert parse_message(orjson.dumps(notice | {"jsonrpc": "2.0"})) == Notice("30769.orders", [1])
    assert parse_message(b'{"id":7,"result":null}') == Answer(7, None, None)
    assert parse_message(memoryview(b'{"jsonrpc":"2.0","id":7,"result":"ok","error":null}')) == Answer(7, "ok", None)


@pytest.mark.parametrize("data", [b"", b',"data":null', b',"data":"Retry after 250 ms"', b',"data":{"limit":"1"}'])
def test_a_fault_carries_code_words_and_whatever_data_there_is(data):
    """An error's data may be text, an object, null or absent."""
    answer = parse_message(b'{"id":3,"error":{"code":-32000,"message":"Rate limit exceeded"' + data + b"}}")
    assert answer.fault.code == -32000
    assert answer.fault.words.startswith("Rate limit exceeded")
    assert answer.fault.is_retryable
    assert answer.fault.hold_ms == (250 if b"250" in data else 1000)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "not_json"),
        (b"\n", "not_json"),
        (b"pong", "not_json"),
        (b'{"id":1', "not_json"),
        (b'{"id":1,"result":NaN}', "not_json"),
        (b'{"id":1,"result":"\xff"}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "unknown_kind"),
        (b"1e400", "not_json"),
        (b'{"id":"1","result":1}', "unknown_kind"),
        (b'{"id":true,"result":1}', "unknown_kind"),
        (b'{"result":1}', "unknown_kind"),
        (b'{"id":1}', "bad_frame"),
        (b'{"id":1,"error":"no"}', "bad_frame"),
        (b'{"id":1,"error":{"message":"no code"}}', "bad_frame"),
        (b'{"id":null,"error":{"code":-32700,"message":"Parse error"}}', "unaddressed"),
        (b'{"method":"subscription","params":{"channel":1,"data":[]}}', "bad_frame"),
        (b'{"method":"subscription","params":{"channel":"x"}}', "bad_frame"),
        (b'{"method":"subscription"}', "bad_frame"),
    ],
)
def test_a_frame_that_is_neither_is_refused_with_its_reason(frame, reason):
    """What is no answer and no notice is a BadFrame with a counted reason."""
    with pytest.raises(BadFrame) as caught:
        parse_message(frame)
    assert caught.value.reason == reason


# --- what the samples say, field by field


def test_a_slim_ticker_becomes_a_mark():
    """Index, mark, forward, volatility and Greeks land in their fields, in nanos and per unit."""
    mark = market_codec.parse_ticker(samples.SLIM_TICKER, "ETH-20260605-1900-P", is_option=True, now_ns=NOW_NS)
    assert (mark.index_nanos, mark.mark_nanos, mark.forward_nanos) == (1991_700000000, 42_300000000, 1992_600000000)
    assert (mark.iv, mark.delta, mark.gamma, mark.vega, mark.theta) == (
        0.51012,
        -0.30438,
        0.00169741,
        1.41384,
        -2.40149,
    )
    assert (mark.now_ns, mark.venue_time_ns) == (NOW_NS, 1779953797040 * 10**6)


def test_a_book_becomes_levels_in_nanos():
    """Every level of both sides, best first, with the publish id and the venue's time."""
    book = market_codec.parse_book(samples.BOOK)
    assert (book.publish_id, book.venue_time_ns) == (56593, 1772624842966 * 10**6)
    assert book.bids == [(340 * NANOS, 400_000_000), (320 * NANOS, NANOS), (280 * NANOS, 703_430_000)]
    assert book.asks == [(420 * NANOS, 400_000_000), (520 * NANOS, 703_430_000)]


def test_an_order_and_its_fills_are_read_to_the_last_digit():
    """State, filled amount, label, nonce and a fee of eighteen decimals."""
    order, fills = codec.parse_placed(samples.PLACED, NOW_NS)
    assert (order.client_id, order.nonce, order.state) == ("hedger.k3f9.17", 1748715865286001, OrderState.OPEN)
    assert (order.order_id, order.filled_nanos) == (samples.ORDER["order_id"], 40_000_000)
    assert fills == [
        Fill(
            now_ns=NOW_NS,
            venue="derive",
            trade_id=samples.TRADE["trade_id"],
            client_id="hedger.k3f9.17",
            instrument="ETH-PERP",
            side=Side.SELL,
            price_nanos=2050_500_000_000,
            amount_nanos=40_000_000,
            fee_e18=397286204785450038,
            is_maker=True,
            venue_time_ns=1775245899929 * 10**6,
        )
    ]


def test_a_nonce_is_the_same_as_number_and_as_text():
    """v2 sends nonces as numbers and v3 as text; both are the same integer here."""
    text = samples.ORDER | {"nonce": "1761000000123456789"}
    assert codec.parse_order(text).nonce == 1761000000123456789
    assert codec.parse_order(samples.ORDER | {"nonce": 1761000000123456789}) == codec.parse_order(text)


def test_an_order_without_a_label_goes_by_the_venues_id():
    """Someone else's order on the same subaccount keeps an identity of its own, and so do its fills."""
    assert codec.parse_order(samples.ORDER | {"label": ""}).client_id == samples.ORDER["order_id"]
    [fill] = codec.parse_trade_notice([samples.TRADE | {"label": ""}], NOW_NS)
    assert fill.client_id == samples.ORDER["order_id"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("open", OrderState.OPEN),
        ("untriggered", OrderState.OPEN),
        ("algo_active", OrderState.OPEN),
        ("filled", OrderState.FILLED),
        ("cancelled", OrderState.CANCELLED),
        ("expired", OrderState.EXPIRED),
        ("rejected", OrderState.REFUSED),
    ],
)
def test_every_order_status_has_its_state(status, state):
    """Each status that either version has maps to one state; any other is refused."""
    assert codec.parse_order(samples.ORDER | {"order_status": status}).state is state
    with pytest.raises(BadFrame, match="order_status"):
        codec.parse_order(samples.ORDER | {"order_status": status + "?"})


def test_positions_are_the_venues_own_figures():
    """Amounts and money exactly in e18; a mark with more decimals is rounded half to even."""
    [position] = account_codec.parse_positions(samples.POSITIONS)
    assert position.amount_e18 == -E18 // 2
    assert position.average_price_e18 == 1995 * E18
    assert position.mark_price_e18 == 1992_490000000000360534
    assert position.realized_pnl_e18 == -1
    assert position.unrealized_pnl_e18 == 1_255 * E18 // 1000
    assert position.total_fees_e18 == 399 * E18 // 1000


def test_the_account_tells_its_protection_and_rates():
    """Cancel on disconnect, request rates and subaccounts."""
    account = account_codec.parse_account(samples.ACCOUNT)
    assert account.cancel_on_disconnect
    assert (account.matching_tps, account.non_matching_tps, account.subaccount_ids) == (1, 5, (30769,))
    assert (account.option_tps, account.perpetual_tps) == (1, 2)


def test_only_channels_marked_ok_are_subscribed():
    """Words for each channel that was refused or not mentioned, and none for the others."""
    channels = ["ticker_slim.ETH-USDC.1000", "trades.spot.ETH", "spot_feed.ETH"]
    refused = codec.parse_subscribed(samples.SUBSCRIBED, channels)
    assert list(refused) == ["trades.spot.ETH", "spot_feed.ETH"]
    assert "Invalid enum" in refused["trades.spot.ETH"]


# --- instruments


def test_an_option_with_a_fractional_strike_is_listed():
    """Name, details and sub_id agree, and every increment and rate is in nanos."""
    listing = market_codec.parse_instrument(samples.OPTION)
    instrument = listing.instrument
    assert instrument.name == "HYPE-20251121-38_75-P"
    assert instrument.contract.option_type is OptionType.PUT
    assert (instrument.contract.expiry_s, instrument.contract.strike_nanos) == (1763712000, 38_750_000_000)
    assert (instrument.tick_nanos, instrument.lot_nanos) == (100_000_000, 10_000_000)
    assert (instrument.maker_fee_nanos, instrument.taker_fee_nanos) == (100_000, 300_000)
    assert (instrument.base_fee_nanos, instrument.fee_cap_nanos) == (500_000_000, 125_000_000)
    assert listing.sub_id == 16642998273763712000
    assert listing.asset == bytes.fromhex("7344Bf2aFFF9aFCd6d024865Fc0cA53bf03464D9")


def bent(sample, *path_and_value):
    *path, value = path_and_value
    copy = deepcopy(sample)
    target = copy
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("base_asset_sub_id", "16642998273763712001"), "its contract makes"),
        (("option_details", "strike", "38.7"), "its details make"),
        (("option_details", "option_type", "C"), "its details make"),
        (("option_details", "expiry", 1763798400), "its details make"),
        (("option_details", None), "listed as option"),
        (("instrument_type", "perp"), "listed as perp"),
        (("instrument_name", "HYPE-USDC"), "not an instrument name"),
        (("instrument_name", "HYPE-20251321-38_75-P"), "HYPE-20251321"),
        (("base_asset_address", "0x7344bF2aFFF9aFCd6d024865Fc0cA53bf03464D9"), "base_asset_address"),
        (("tick_size", "0"), "tick_size"),
        (("tick_size", "-0.1"), "tick_size"),
        (("amount_step", "1e-2"), "amount_step"),
        (("minimum_amount", "NaN"), "minimum_amount"),
        (("maximum_amount", "99999999999"), "maximum_amount"),
        (("is_active", 1), "is_active"),
    ],
)
def test_a_contradictory_instrument_is_left_out_and_named(change, words):
    """A listing whose parts disagree is skipped with the reason, and the others stay."""
    page = market_codec.parse_instruments(
        {"instruments": [bent(samples.OPTION, *change), samples.PERPETUAL], "pagination": {"count": 2, "num_pages": 3}}
    )
    assert [listing.instrument.name for listing in page.listings] == ["ETH-PERP"]
    [reason] = page.skipped.values()
    assert words in reason
    assert page.page_count == 3


def test_the_tape_and_the_spot_feed_are_read():
    """Price, amount and side of a public trade; the index to the nearest nano; a feed of something else is refused."""
    [trade] = market_codec.parse_tape([samples.PUBLIC_TRADE], NOW_NS)
    assert (trade.price_nanos, trade.amount_nanos, trade.side) == (2_500_000_000, 10 * NANOS, Side.SELL)
    assert (trade.is_block, trade.venue_time_ns) == (False, 1775245899929 * 10**6)
    assert market_codec.parse_tape([samples.PUBLIC_TRADE | {"quote_id": "q"}], NOW_NS)[0].is_block
    assert market_codec.parse_spot(samples.SPOT, "ETH") == 1_991_700_000_000
    with pytest.raises(BadFrame, match="BTC"):
        market_codec.parse_spot(samples.SPOT, "BTC")


def test_a_subaccount_and_its_keys_are_read():
    """Money to the last digit; a key's address in lower case, and v3's keys without v2's scope."""
    state = account_codec.parse_subaccount(samples.SUBACCOUNT)
    assert (state.value_e18, state.open_orders_margin_e18) == (1000000123456789012345678, -1205 * 10**17)
    [key] = account_codec.parse_session_keys(samples.SESSION_KEYS)
    assert (key.address, key.scope) == ("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266", "admin")
    bare = {name: value for name, value in samples.SESSION_KEYS["public_session_keys"][0].items() if name != "scope"}
    assert account_codec.parse_session_keys({"public_session_keys": [bare]})[0].scope == ""


@needs_captures
def test_a_recorded_public_trade_is_read():
    """Every field that we use of the captured trade."""
    [trade] = market_codec.parse_tape([capture("spot_ws_trade_eth.json")], NOW_NS)
    assert (trade.instrument, trade.price_nanos, trade.side) == ("ETH-USDC", 2050 * NANOS, Side.SELL)
    assert trade.index_nanos == 2_052_725_120_183


def test_a_quote_is_read_with_its_side_and_cost():
    """A sale of a bought leg pays its owner price x amount; the nonce is the same as number and as text."""
    quote = rfq_codec.parse_quote(samples.QUOTE)
    assert (quote.side, quote.is_maker, quote.state) == (Side.SELL, True, OrderState.OPEN)
    assert quote.legs == rfq_codec.parse_rfq(samples.RFQ).legs
    assert quote.cost_e18 == -95_500_000_000 * 10 * NANOS
    assert rfq_codec.parse_quote(samples.QUOTE | {"nonce": str(quote.nonce)}) == quote


@pytest.mark.parametrize("count", [0, rfq_codec.MOST_LEGS + 1])
def test_a_structure_of_no_or_too_many_legs_is_refused(count):
    """What nobody could price is not read."""
    with pytest.raises(BadFrame, match="legs"):
        rfq_codec.parse_rfq(samples.RFQ | {"legs": samples.RFQ["legs"] * count})


@pytest.mark.parametrize("parse", [lambda data: codec.parse_replaced(data, NOW_NS), rfq_codec.parse_replaced_quote])
def test_a_replacement_has_a_new_one_or_says_why_not(parse):
    """Neither, or both, is no answer that we act on."""
    for sample, new, error in (
        (samples.REPLACED, "order", "create_order_error"),
        (samples.REPLACED_QUOTE, "quote", "create_quote_error"),
    ):
        old = sample[f"cancelled_{new}"]
        for both in ({new: None, error: None}, {new: old, error: {"code": 1}}):
            with pytest.raises(BadFrame):
                parse(sample | both)


# --- bad values


NEVER = ["NaN", "Infinity", "1e400", "-1e5", "", " 1", "1_0", "٣", "1" * 500, 2**70, 1.5, True, {}, [], ["1"]]
read_trades = partial(codec.parse_trades, now_ns=NOW_NS)


@pytest.mark.parametrize(
    ("parse", "sample", "path"),
    [
        (market_codec.parse_book, samples.BOOK, ("asks", 1, 0)),
        (market_codec.parse_book, samples.BOOK, ("bids", 0, 1)),
        (codec.parse_order, samples.ORDER, ("filled_amount",)),
        (codec.parse_order, samples.ORDER, ("nonce",)),
        (read_trades, samples.TRADES, ("trades", 0, "trade_price")),
        (read_trades, samples.TRADES, ("trades", 0, "trade_amount")),
        (read_trades, samples.TRADES, ("trades", 0, "trade_fee")),
        (account_codec.parse_positions, samples.POSITIONS, ("positions", 0, "amount")),
        (rfq_codec.parse_rfq, samples.RFQ, ("legs", 0, "amount")),
        (lambda data: market_codec.parse_tape(data, NOW_NS), [samples.PUBLIC_TRADE], (0, "trade_price")),
        (partial(market_codec.parse_spot, underlying="ETH"), samples.SPOT, ("feeds", "ETH", "price")),
        (account_codec.parse_subaccount, samples.SUBACCOUNT, ("initial_margin",)),
        (rfq_codec.parse_quote, samples.QUOTE, ("legs", 0, "price")),
        (rfq_codec.parse_quote, samples.QUOTE, ("fee",)),
        (rfq_codec.parse_quote, samples.QUOTE, ("nonce",)),
        (account_codec.parse_positions, samples.POSITIONS, ("positions", 0, "mark_price")),
    ],
)
def test_no_decimal_text_is_taken_from_what_is_none(parse, sample, path):
    """Where a decimal is due, no word, exponent, blank, foreign digit, number, giant or container is taken for one."""
    parse(bent(sample, *path, "12"))
    for value in [*NEVER, None]:
        with pytest.raises(BadFrame):
            parse(bent(sample, *path, value))


@pytest.mark.parametrize(
    ("parse", "sample", "path", "good"),
    [
        (market_codec.parse_book, samples.BOOK, ("publish_id",), 0),
        (market_codec.parse_book, samples.BOOK, ("timestamp",), 1772624842966),
        (read_trades, samples.TRADES, ("trades", 0, "timestamp"), 1772624842966),
        (read_trades, samples.TRADES, ("pagination", "num_pages"), 3),
        (account_codec.parse_account, samples.ACCOUNT, ("websocket_matching_tps",), 3),
        (account_codec.parse_account, samples.ACCOUNT, ("subaccount_ids", 0), 3),
    ],
)
def test_no_integer_is_taken_from_what_is_none(parse, sample, path, good):
    """Where an integer is due, no text, float, flag, giant, negative or container is taken for one."""
    parse(bent(sample, *path, good))
    for value in [*NEVER, None, "12", -1]:
        with pytest.raises(BadFrame):
            parse(bent(sample, *path, value))


@pytest.mark.parametrize("side", [None, {}, "", "12", ["12"], [["1"]], [["1", "2", "3"]], [{}], [["1", "2"]] * 101])
def test_a_side_that_is_no_list_of_levels_is_refused(side):
    """A side is a list of at most a hundred pairs; text that would unpack into characters is not a pair."""
    with pytest.raises(BadFrame, match="book"):
        market_codec.parse_book(samples.BOOK | {"bids": side})


def test_a_ticker_must_fit_its_instrument():
    """An option without pricing, and a perpetual with it, are refused."""
    without = bent(samples.SLIM_TICKER, "instrument_ticker", "option_pricing", None)
    market_codec.parse_ticker(without, "ETH-PERP", is_option=False, now_ns=NOW_NS)
    for data, is_option in ((without, True), (samples.SLIM_TICKER, False)):
        with pytest.raises(BadFrame, match="pricing"):
            market_codec.parse_ticker(data, "ETH-PERP", is_option=is_option, now_ns=NOW_NS)


@pytest.mark.parametrize(
    ("field", "value"),
    [("d", "1.01"), ("d", "nan"), ("g", "-0.1"), ("v", "1e5"), ("i", "-0.5"), ("i", "101"), ("f", "0"), ("t", "1e400")],
)
def test_a_greek_outside_its_range_is_refused(field, value):
    """Delta within ±1, gamma and vega not negative, volatility within 0 to 10 000 %, all finite and plain."""
    with pytest.raises(BadFrame, match="ticker"):
        market_codec.parse_ticker(
            bent(samples.SLIM_TICKER, "instrument_ticker", "option_pricing", field, value), "X", True, NOW_NS
        )


# --- fuzz: error or value

PARSERS = [
    (market_codec.parse_book, samples.BOOK),
    (market_codec.parse_instruments, samples.INSTRUMENTS),
    (lambda data: market_codec.parse_ticker(data, "X", is_option=True, now_ns=NOW_NS), samples.SLIM_TICKER),
    (lambda data: codec.parse_placed(data, NOW_NS), samples.PLACED),
    (codec.parse_order, samples.ORDER),
    (codec.parse_orders, samples.ORDERS),
    (codec.parse_order_notice, [samples.ORDER]),
    (lambda data: codec.parse_trade_notice(data, NOW_NS), [samples.TRADE]),
    (lambda data: codec.parse_trades(data, NOW_NS), samples.TRADES),
    (lambda data: codec.parse_subscribed(data, ["a"]), samples.SUBSCRIBED),
    (codec.parse_time, 1772624842966),
    (codec.parse_cancelled_count, {"cancelled_orders": 1}),
    (account_codec.parse_login, [30769]),
    (account_codec.parse_positions, samples.POSITIONS),
    (account_codec.parse_account, samples.ACCOUNT),
    (account_codec.parse_subaccount, samples.SUBACCOUNT),
    (account_codec.parse_session_keys, samples.SESSION_KEYS),
    (lambda data: market_codec.parse_tape(data, NOW_NS), [samples.PUBLIC_TRADE]),
    (lambda data: market_codec.parse_spot(data, "ETH"), samples.SPOT),
    (lambda data: codec.parse_replaced(data, NOW_NS), samples.REPLACED),
    (protection.parse_protections, samples.PROTECTIONS),
    (rfq_codec.parse_rfq_notice, [samples.RFQ]),
    (rfq_codec.parse_rfqs, samples.RFQS),
    (rfq_codec.parse_quote_notice, [samples.QUOTE]),
    (rfq_codec.parse_quotes, samples.QUOTES),
    (rfq_codec.parse_replaced_quote, samples.REPLACED_QUOTE),
    (rfq_codec.parse_best_quote, samples.BEST),
]

numbers_as_text = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?", fullmatch=True)
leaves = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | numbers_as_text
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


@pytest.mark.parametrize(("parse", "sample"), PARSERS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_one_changed_place_gives_a_value_or_a_bad_frame(parse, sample, data):
    """Whatever stands in any one place of a good message, its parser answers or refuses, and nothing else."""
    path = data.draw(st.sampled_from(list(places(sample))))
    value = data.draw(anything)
    changed = bent(sample, *path, value) if path else value
    with contextlib.suppress(BadFrame):
        parse(changed)


def test_the_samples_themselves_are_read():
    """What the fuzzing starts from is well formed."""
    for parse, sample in PARSERS:
        parse(sample)


FRAMES = [
    orjson.dumps({"method": "subscription", "params": {"channel": "orderbook.X.1.20", "data": samples.BOOK}}),
    orjson.dumps({"id": 7, "result": samples.PLACED}),
    orjson.dumps({"id": 7, "error": {"code": 14014, "message": "Signature invalid", "data": {"a": [1]}}}),
]


@settings(max_examples=200, deadline=None)
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
        assert isinstance(parse_message(bytes(bytes_)), Answer | Notice)


# --- captures


def test_a_recorded_ticker_lists_its_instrument():
    """The instrument part of a recorded full ticker is read as it stands."""
    ticker = FREE["public/get_ticker BTC-PERP"]["result"]
    listing = market_codec.parse_instrument(ticker)
    assert listing.instrument.name == "BTC-PERP"
    assert (listing.instrument.tick_nanos, listing.instrument.lot_nanos) == (100_000_000, 1_000_000)
    assert listing.sub_id == 0


def test_a_recorded_trade_history_is_read():
    """A recorded trade, without label or order id, keeps its fee to the last digit."""
    fills, pages = codec.parse_trades(FREE["public/get_trade_history BTC-PERP"]["result"], NOW_NS)
    assert pages == 598652
    assert [fill.fee_e18 for fill in fills] == [397286204785450038]


@needs_captures
def test_every_recorded_ticker_is_read():
    """Slim tickers of an option's call and put, of perpetuals and of spot, on both networks."""
    for name, is_option in [
        ("options_ws_ticker_slim_eth_call.json", True),
        ("options_ws_ticker_slim_eth_put.json", True),
        ("perps_ws_ticker_slim_eth.json", False),
        ("spot_ws_ticker_slim_eth.json", False),
        ("spot_ws_ticker_slim_eth_mainnet.json", False),
    ]:
        data = capture(name)
        mark = market_codec.parse_ticker(data, name, is_option, NOW_NS)
        assert mark.mark_nanos == round(float(data["instrument_ticker"]["M"]) * NANOS)


@needs_captures
def test_every_recorded_book_is_read():
    """Books of spot on both networks, and a live option's; levels survive the way back to text."""
    live = capture("derive_live_20260304.json")
    books = [capture("spot_ws_orderbook_eth.json"), capture("spot_ws_orderbook_eth_mainnet.json"), live[0]["data"]]
    for data in books:
        book = market_codec.parse_book(data)
        for side, levels in (("bids", book.bids), ("asks", book.asks)):
            assert [[str(price / NANOS), str(size / NANOS)] for price, size in levels] == [
                [str(float(price)), str(float(size))] for price, size in data[side]
            ]
    market_codec.parse_ticker(live[1]["data"], "BTC-20260305-69500-P", is_option=True, now_ns=NOW_NS)


@needs_captures
def test_every_recorded_private_answer_is_read():
    """Order answers of both networks, a private trade, and a subscription's acknowledgement with a refusal in it."""
    for name in ("spot_http_submit_order_response.json", "spot_http_submit_order_response_mainnet.json"):
        answer = parse_message(orjson.dumps(capture(name) | {"id": 1}))
        order, fills = codec.parse_placed(answer.result, NOW_NS)
        assert (order.client_id, order.state, fills) == ("research-q4-buy", OrderState.OPEN, [])
    [fill] = codec.parse_trade_notice([capture("spot_ws_trade_eth.json")], NOW_NS)
    assert (fill.price_nanos, fill.amount_nanos, fill.side) == (2050 * NANOS, 100_000_000, Side.SELL)
    status = capture("spot_ws_subscribe_ack.json")["result"]
    assert list(codec.parse_subscribed(status, list(status["status"]))) == ["trades.spot.ETH"]


@needs_captures
def test_recorded_spot_instruments_are_left_out():
    """Spot is not traded here: its listing is skipped by name."""
    for name in ("spot_instrument_eth.json", "spot_instrument_eth_mainnet.json"):
        page = market_codec.parse_instruments({"instruments": [capture(name)], "pagination": {"num_pages": 1}})
        assert (page.listings, list(page.skipped)) == ([], ["ETH-USDC"])


@needs_captures
def test_recorded_sub_ids_are_what_their_contracts_make():
    """Names, details and sub_ids as the venue published them agree with ours, fractional strikes included."""
    for case in capture("derive_get_instrument_subid_20260924.json")["cases"]:
        listing = market_codec.parse_instrument(samples.OPTION | case)
        assert listing.instrument.name == case["instrument_name"]
        assert str(listing.sub_id) == case["base_asset_sub_id"]


@needs_captures
def test_recorded_names_survive_the_way_there_and_back():
    """Every recorded instrument name is a contract whose name it is."""
    with (CAPTURES / "ticker_table_btc_20260925.csv").open() as table:
        for row in csv.DictReader(table):
            assert parse_name(row["instrument_name"]).name == row["instrument_name"]
