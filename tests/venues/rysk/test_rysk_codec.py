"""What the Rysk codec reads, refuses and writes."""

import json
import string

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rysk_frames import ASSETS, CALL, KEY, MAKER, NOW_NS, QUOTE_OUT, RFQ_IN, WETH, quote, read, rfq, trade

from atomizer.app.quote_terms import verify_fill
from atomizer.domain.instruments import OptionType
from atomizer.domain.reasons import Reason
from atomizer.domain.trading import Fill, QuoteAnswered, QuoteOutcome, Side
from atomizer.errors import BadFrame
from atomizer.venues.rysk.auth import MakerKey
from atomizer.venues.rysk.codec import (
    MAKER_FRAME_BYTES,
    RFQ_FRAME_BYTES,
    build_quote,
    parse_maker_frame,
    parse_rfq,
)
from atomizer.venues.rysk.profile import CHAINS

REASONS = set(Reason)
USD = RFQ_IN["result"]["usd"]


def answer(tree):
    return parse_maker_frame(json.dumps(tree).encode(), NOW_NS, MAKER, ASSETS)


def test_example_rfq_is_read_to_the_last_field():
    """The published RFQ is ours to buy: one ETH call, struck at 2600, of a taker who sells."""
    request = read(RFQ_IN)
    assert request.rfq.contract.name == "ETH-20250627-2600-C"
    assert request.rfq.contract.expiry_s == 1_751_011_200
    assert (request.rfq.side, request.rfq.quantity_nanos) == (Side.BUY, 10**9)
    assert (request.strike, request.quantity, request.chain_id) == ("260000000000", str(10**18), 84532)
    assert request.domain.contract == CHAINS[84532].rysk
    assert request.deadline_ns == NOW_NS + 2_000_000_000


def test_example_quote_is_written_to_the_byte():
    """Our answer to the published RFQ is the published frame, signature included."""
    request = read(RFQ_IN)
    sent = quote(request)
    signature = MakerKey(KEY, CALL["signer"]).sign(request, sent)
    assert build_quote(request, sent, MAKER, signature) == orjson.dumps(QUOTE_OUT)


def test_addresses_of_any_case_are_answered_in_lower_case():
    """The server compares text, so what came in mixed case leaves in lower case."""
    request = read(rfq(asset=WETH.upper().replace("X", "x"), usd="0x" + USD[2:].upper(), taker=CALL["signer"]))
    frame = build_quote(request, quote(request), MAKER, bytes(65))
    params = orjson.loads(frame)["params"]
    assert params["assetAddress"] == WETH
    assert params["usd"] == USD
    assert request.rfq.taker == CALL["signer"].lower()


@pytest.mark.parametrize(("is_put", "collateral"), [(False, WETH), (True, CHAINS[84532].usd)])
def test_fields_that_old_deployments_leave_out_have_their_meaning(is_put, collateral):
    """Without usd, collateral and side an RFQ is in the chain's dollar, fully covered, and the taker sells."""
    request = read(rfq(usd=None, collateralAsset=None, isTakerBuy=None, isPut=is_put))
    assert (request.usd, request.collateral) == (CHAINS[84532].usd, collateral)
    assert request.rfq.taker_buys is False
    assert request.rfq.contract.option_type is (OptionType.PUT if is_put else OptionType.CALL)


def test_signing_domain_of_the_rfq_is_used():
    """A premium RFQ is signed for the contract it names, and its premium asset comes back."""
    handler = "0x" + "9a" * 20
    domain = {"name": "PremiumOptionHandler", "version": "1", "chainId": "0x14a34", "verifyingContract": handler}
    request = read(rfq(isPremium=True, premiumAsset=USD, typeDataDomain=domain | {"salt": ""}))
    assert (request.domain.name, request.domain.version, request.domain.contract) == (domain["name"], "1", handler)
    assert orjson.loads(build_quote(request, quote(request), MAKER, bytes(65)))["params"]["premiumAsset"] == USD


def test_auction_deadline_is_the_venues_when_it_names_one():
    """An `auctionDeadline` in milliseconds replaces the usual two seconds."""
    assert read(rfq(auctionDeadline=NOW_NS // 10**6 + 750)).deadline_ns == NOW_NS + 750_000_000


@pytest.mark.parametrize("blank", [b"", b"\n", b"  \r\n\t"])
def test_blank_frames_are_nothing(blank):
    """The server sends blank frames; they are neither events nor errors."""
    assert parse_rfq(blank, NOW_NS, ASSETS) is None
    assert parse_maker_frame(blank, NOW_NS, MAKER, ASSETS) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": "0"}, Reason.BAD_QUANTITY),
        ({"quantity": "-1000000000000000000"}, Reason.BAD_QUANTITY),
        ({"quantity": "1000000000000000001"}, Reason.BAD_QUANTITY),
        ({"quantity": "1.5"}, Reason.BAD_QUANTITY),
        ({"quantity": "1e18"}, Reason.BAD_QUANTITY),
        ({"quantity": "NaN"}, Reason.BAD_QUANTITY),
        ({"quantity": "01000000000"}, Reason.BAD_QUANTITY),
        ({"quantity": "\uff11" + "\uff10" * 9}, Reason.BAD_QUANTITY),
        ({"quantity": "9" * 78}, Reason.BAD_QUANTITY),
        ({"quantity": "9" * 5000}, Reason.BAD_QUANTITY),
        ({"quantity": 10**18}, Reason.MALFORMED),
        ({"quantity": None}, Reason.MALFORMED),
        ({"quantity": ["1"]}, Reason.MALFORMED),
        ({"strike": "0"}, Reason.BAD_STRIKE),
        ({"strike": "-5"}, Reason.BAD_STRIKE),
        ({"strike": "9" * 30}, Reason.BAD_STRIKE),
        ({"strike": 2600}, Reason.MALFORMED),
        ({"expiry": 1_749_999_999}, Reason.EXPIRED),
        ({"expiry": 1_750_000_000}, Reason.EXPIRED),
        ({"expiry": 0}, Reason.MALFORMED),
        ({"expiry": 2**40}, Reason.MALFORMED),
        ({"expiry": "1751011200"}, Reason.MALFORMED),
        ({"expiry": 1751011200.0}, Reason.MALFORMED),
        ({"expiry": True}, Reason.MALFORMED),
        ({"auctionDeadline": 1_749_999_999_999}, Reason.EXPIRED),
        ({"auctionDeadline": "soon"}, Reason.MALFORMED),
        ({"asset": "0x" + "11" * 20}, Reason.UNMAPPED_ASSET),
        ({"asset": "WETH"}, Reason.MALFORMED),
        ({"asset": None}, Reason.MALFORMED),
        ({"isPut": "false"}, Reason.MALFORMED),
        ({"isPut": None}, Reason.MALFORMED),
        ({"isTakerBuy": 1}, Reason.MALFORMED),
        ({"chainId": "84532"}, Reason.MALFORMED),
        ({"chainId": 31337}, Reason.UNKNOWN_KIND),
        ({"usd": "0x12"}, Reason.MALFORMED),
        ({"collateralAsset": 7}, Reason.MALFORMED),
        ({"taker": "nobody"}, Reason.MALFORMED),
        ({"isPremium": True}, Reason.MALFORMED),
        ({"typeDataDomain": "rysk"}, Reason.MALFORMED),
        ({"typeDataDomain": {"chainId": 1}}, Reason.MALFORMED),
        ({"typeDataDomain": {"chainId": 84532, "salt": "0x01"}}, Reason.UNKNOWN_KIND),
        ({"typeDataDomain": {"chainId": 84532, "name": "a\nb"}}, Reason.MALFORMED),
    ],
)
def test_bad_field_is_named_with_its_reason(changes, reason):
    """A field that cannot be meant is refused under its own reason, on one short line."""
    with pytest.raises(BadFrame) as refused:
        read(rfq(**changes))
    assert refused.value.reason is reason
    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"{", Reason.MALFORMED),
        (b"[]", Reason.MALFORMED),
        (b"null", Reason.MALFORMED),
        (b"\xff\xfe", Reason.MALFORMED),
        (b"[" * 5000 + b"]" * 5000, Reason.MALFORMED),
        (b'{"id":"x","result":{"quantity":NaN}}', Reason.MALFORMED),
        (b'{"id":"x","result":{"quantity":Infinity}}', Reason.MALFORMED),
        (b'{"id":"x","result":{"quantity":1e400}}', Reason.MALFORMED),
        (b'{"id":"x","result":"OK"}', Reason.UNKNOWN_KIND),
        (b'{"id":"x","method":"rfq","result":{}}', Reason.UNKNOWN_KIND),
        (b"{}", Reason.UNKNOWN_KIND),
        (b'{"id":7,"result":{}}', Reason.MALFORMED),
        (b'{"id":"","result":{}}', Reason.MALFORMED),
        (b" " * (RFQ_FRAME_BYTES + 1), Reason.OVERSIZED),
        (bytes(20 * 1024 * 1024), Reason.OVERSIZED),
    ],
)
def test_frame_that_is_no_rfq_is_refused(frame, reason):
    """What is not an RFQ is refused by kind and never raises anything else."""
    with pytest.raises(BadFrame) as refused:
        parse_rfq(frame, NOW_NS, ASSETS)
    assert refused.value.reason is reason


FRAME = json.dumps(RFQ_IN)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.replace('"quantity":', '"quantity": "2000000000000000000", "quantity":'),
        FRAME.replace('"isPut":', '"isPut" : true, "isPut":'),
        FRAME.replace('"isPut":', '"\\u0069sPut": true, "isPut":'),
        FRAME.replace('"jsonrpc":', '"id": "other", "jsonrpc":'),
    ],
)
def test_key_given_twice_is_refused(frame):
    """A frame that says one thing twice says nothing, however the key is spelled."""
    with pytest.raises(BadFrame) as refused:
        parse_rfq(frame.encode(), NOW_NS, ASSETS)
    assert refused.value.reason is Reason.MALFORMED
    assert "twice" in str(refused.value)


@pytest.mark.parametrize("extra", [{"note": 'a "quoted" word \\ and more'}, {"tags": ["a", {"b": "c"}]}, {"n": None}])
def test_unknown_fields_are_ignored(extra):
    """Fields that we do not know, of any shape, change nothing."""
    assert parse_rfq(json.dumps(rfq() | extra).encode(), NOW_NS, ASSETS) == read(RFQ_IN)


def test_best_outbid_and_refused_are_told_apart():
    """The three words on a quote, shaped as responses, are read by what they hold."""
    best = answer({"id": "a-1", "result": "OK"})
    assert best == QuoteAnswered(now_ns=NOW_NS, source="rysk", rfq_id="a-1", outcome=QuoteOutcome.BEST)
    notice = {"rfqId": "a-1", "assetAddress": WETH, "chainId": 84532, "newBest": "12600000000999999999", "yours": "1"}
    outbid = answer({"id": "a-1", "result": notice})
    assert (outbid.outcome, outbid.best_nanos) == (QuoteOutcome.OUTBID, 12_600_000_000)
    refused = answer({"id": "a-1", "error": {"code": -32011, "message": "asset mismatch"}})
    assert (refused.outcome, refused.rfq_id) == (QuoteOutcome.REFUSED, "a-1")
    assert "asset mismatch" in refused.detail
    assert "-32011" in refused.detail


def test_refusal_of_a_frame_without_an_id_is_read():
    """When the server could not even read our id, its error still is an answer."""
    refused = answer({"id": None, "error": {"code": -32600, "message": "invalid\nrequest"}})
    assert (refused.rfq_id, refused.outcome) == ("", QuoteOutcome.REFUSED)
    assert refused.detail.isprintable()


@pytest.mark.parametrize("params", [{"rfqId": "a-1", "newBest": "13000000000000000000"}, {}])
def test_skill_issue_is_an_outbid_notice(params):
    """The notice's other spelling is understood, with or without the best price."""
    outbid = answer({"id": "a-1", "method": "skill_issue", "params": params})
    assert (outbid.rfq_id, outbid.outcome) == ("a-1", QuoteOutcome.OUTBID)
    assert outbid.best_nanos == (13_000_000_000 if params else 0)


@pytest.mark.parametrize(
    "envelope",
    [lambda body: {"id": "trade", "result": body}, lambda body: {"method": "rfq_confirmation", "params": body}],
)
def test_trade_notice_is_our_fill(envelope):
    """Both spellings of a trade become one fill, known by our quote's nonce."""
    fill = answer(envelope(trade()))
    assert fill == Fill(
        now_ns=NOW_NS,
        venue="rysk",
        trade_id="1750000000123",
        client_id="1750000000123",
        instrument="ETH-20250627-2600-C",
        side=Side.BUY,
        price_nanos=12_500_000_000,
        amount_nanos=10**9,
        fee_e18=0,
        is_maker=True,
        venue_time_ns=1_750_000_002 * 10**9,
    )
    verify_fill(fill, quote(read(RFQ_IN)))


@pytest.mark.parametrize(
    ("stated", "fee_e18"), [({"fees": "250000000000000000"}, 25 * 10**16), ({"fee": "7"}, 7), ({"fees": {"a": 1}}, 0)]
)
def test_stated_fee_is_charged_and_none_is_invented(stated, fee_e18):
    """A fee that the notice states in 10^-18 USD is taken; any other shape never stops the fill."""
    assert answer({"id": "trade", "result": trade(**stated)}).fee_e18 == fee_e18


@pytest.mark.parametrize(
    ("created", "venue_time_ns"),
    [(1_750_000_002, 1_750_000_002_000_000_000), (1_750_000_002_345, 1_750_000_002_345_000_000)],
)
def test_trade_time_is_read_in_seconds_and_milliseconds(created, venue_time_ns):
    """`createdAt` is seconds or milliseconds."""
    assert answer({"id": "trade", "result": trade(createdAt=created)}).venue_time_ns == venue_time_ns


def test_taker_buy_means_that_we_sold():
    """`isTakerBuy` true is a sale of ours."""
    assert answer({"id": "trade", "result": trade(isTakerBuy=True)}).side is Side.SELL


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"price_nanos": 12_499_999_999}, "price"),
        ({"quantity_nanos": 2 * 10**9}, "quantity"),
        ({"instrument": "ETH-20250627-2700-C"}, "instrument"),
        ({"side": Side.SELL}, "side"),
        ({"nonce": 5}, "nonce"),
    ],
)
def test_trade_that_is_not_what_we_signed_is_refused(change, word):
    """A fill must agree with the quote it names in every signed term; the message names the one that differs."""
    fill = answer({"id": "trade", "result": trade()})
    with pytest.raises(BadFrame, match=word):
        verify_fill(fill, quote(read(RFQ_IN), **change))


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"id": "holdings", "result": {"usd": "1"}}, Reason.UNKNOWN_KIND),
        ({"method": "hello", "params": {}}, Reason.UNKNOWN_KIND),
        ({"id": "x"}, Reason.UNKNOWN_KIND),
        ({"id": "x", "result": {"newBest": "-1"}}, Reason.MALFORMED),
        ({"id": 4, "result": "OK"}, Reason.MALFORMED),
        ({"id": "trade", "result": "OK"}, Reason.MALFORMED),
        ({"id": "trade", "result": trade(maker="0x" + "22" * 20)}, Reason.UNKNOWN_KIND),
        ({"id": "trade", "result": trade(quoteNonce="x")}, Reason.MALFORMED),
        ({"id": "trade", "result": trade(quoteNonce=str(2**64))}, Reason.MALFORMED),
        ({"id": "trade", "result": trade(price="12500000000000000001")}, Reason.MALFORMED),
        ({"id": "trade", "result": trade(quantity="1")}, Reason.BAD_QUANTITY),
        ({"id": "trade", "result": trade(assetAddress="0x" + "22" * 20)}, Reason.UNMAPPED_ASSET),
        ({"method": "rfq_confirmation"}, Reason.MALFORMED),
    ],
)
def test_maker_frame_that_says_nothing_of_ours_is_refused(tree, reason):
    """Unknown kinds and broken fields on the maker socket have their reason too."""
    with pytest.raises(BadFrame) as refused:
        answer(tree)
    assert refused.value.reason is reason


def test_oversized_maker_frame_is_refused_unread():
    """A maker frame above the limit is not decoded."""
    with pytest.raises(BadFrame) as refused:
        parse_maker_frame(b"9" * (MAKER_FRAME_BYTES + 1), NOW_NS, MAKER, ASSETS)
    assert refused.value.reason is Reason.OVERSIZED


# Spelled out: an open alphabet makes hypothesis build its Unicode table, for seconds, on a fresh machine.
LETTERS = string.printable + "\0\x7f\u00e9\u2028\uff11\ufeff\U0001f600"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(LETTERS, max_size=12)
    | st.sampled_from(["0", "1" * 19, WETH, MAKER, "OK", "trade", "84532", "0x14a34"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=8), inner, max_size=4)
    ),
    max_leaves=6,
)
RFQ_FIELDS = [*RFQ_IN["result"], "isTakerBuy", "auctionDeadline", "isPremium", "premiumAsset", "typeDataDomain"]


@given(st.dictionaries(st.sampled_from(RFQ_FIELDS), json_values, max_size=4))
def test_any_rfq_fields_are_a_request_or_a_named_refusal(changes):
    """Whatever stands in an RFQ's fields, the answer is a request that can be quoted or a refusal with a reason."""
    try:
        request = read(RFQ_IN | {"result": RFQ_IN["result"] | changes})
    except BadFrame as refused:
        assert refused.reason in REASONS  # noqa: PT017  the reason is what is specified
    else:
        frame = build_quote(request, quote(request), MAKER, bytes(65))
        assert orjson.loads(frame)["params"]["quantity"] == str(request.rfq.quantity_nanos * 10**9)


@given(
    st.dictionaries(st.sampled_from(list(trade())), json_values, max_size=4),
    st.sampled_from(["result", "params", "error"]),
)
def test_any_maker_fields_are_an_event_or_a_named_refusal(changes, place):
    """Whatever stands in a maker frame's fields, the answer is an event or a refusal with a reason."""
    try:
        event = answer({"id": "trade", place: trade() | changes})
    except BadFrame as refused:
        assert refused.reason in REASONS  # noqa: PT017  the reason is what is specified
    else:
        assert isinstance(event, Fill | QuoteAnswered)


@given(
    st.binary(max_size=200)
    | st.builds(lambda cut, tail: FRAME.encode()[:cut] + tail, st.integers(0, 400), st.binary(max_size=20))
)
def test_any_bytes_are_refused_or_read(noise):
    """No bytes at all make the codec raise anything but a named refusal."""
    for parse in (lambda: parse_rfq(noise, NOW_NS, ASSETS), lambda: parse_maker_frame(noise, NOW_NS, MAKER, ASSETS)):
        try:
            parse()
        except BadFrame as refused:
            assert refused.reason in REASONS  # noqa: PT017  the reason is what is specified


@given(st.integers(1, 10**18), st.integers(1, 10**17), st.booleans(), st.booleans())
def test_what_is_printed_is_what_was_read(quantity_nanos, strike_e8, is_put, taker_buys):
    """Quantity and strike come back to the letter, and the price is the integer that was decided."""
    request = read(
        rfq(quantity=str(quantity_nanos * 10**9), strike=str(strike_e8), isPut=is_put, isTakerBuy=taker_buys)
    )
    params = orjson.loads(build_quote(request, quote(request, price_nanos=quantity_nanos), MAKER, bytes(65)))["params"]
    assert request.rfq.contract.strike_nanos == strike_e8 * 10
    assert params["price"] == params["quantity"] == str(quantity_nanos * 10**9)
    assert params["strike"] == str(strike_e8)
    assert (params["isPut"], params["isTakerBuy"]) == (is_put, taker_buys)
