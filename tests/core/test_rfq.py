"""The fused answer to an RFQ: whatever it answers, the strict codec and the pricer answer to the byte."""

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from atomizer._core.book import Book
from atomizer._core.ecdsa import Signer, parse_address, recover
from atomizer._core.eip712 import domain_separator, rysk_quote_digest
from atomizer._core.rfq import RfqEdge, RfqQuoter
from atomizer._core.rfq_scan import scan_rfq
from atomizer.domain.instruments import NANOS, Instrument, parse_name
from atomizer.domain.trading import Mark
from atomizer.venues.rysk.assets import AssetMap
from atomizer.venues.rysk.auth import MakerKey
from atomizer.venues.rysk.codec import parse_rfq
from atomizer.venues.rysk.profile import CHAINS
from tests.reference.rysk_answers import SlowPath, list_series

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors" / "rysk.json").read_text())
CALL = VECTORS["vectors"][0]  # a covered call of 2600 on WETH; keys are public throw-away ones
KEY = bytes.fromhex(CALL["private_key"][2:])
RYSK = CALL["domain"]["verifyingContract"]
CHAIN = 84532
WETH, USD = CALL["message"]["assetAddress"], CALL["message"]["usd"]
TAKER = "0x2000000000000000000000000000000000000002"
SECOND = 10**9
NOW_NS = 1_750_000_000 * SECOND
SYMBOLS = {WETH: "WETH", "0x" + "ab" * 20: "WBTC"}
NAMES = ("ETH-20250627-2600-C", "ETH-20250627-2600-P", "ETH-20250627-2600_5-C", "BTC-20250627-60000-C")
EDGES = {"target": {"usd_nanos": NANOS // 2, "premium_bps": 300, "vol_points": 0.5}, "minimum": {"premium_bps": 100}}
BODY = {
    "asset": WETH,
    "assetName": "WETH",
    "chainId": CHAIN,
    "expiry": 1_751_011_200,
    "isPut": False,
    "quantity": "1000000000000000000",
    "strike": "260000000000",
    "taker": TAKER,
    "usd": USD,
    "collateralAsset": WETH,
}


def listed(name):
    fees = {"maker_fee_nanos": 100_000, "taker_fee_nanos": 300_000, "base_fee_nanos": NANOS // 2}
    steps = {"tick_nanos": NANOS // 10, "lot_nanos": NANOS // 100, "min_amount_nanos": NANOS // 10}
    cap = NANOS // 8 if name.endswith("C") else 0
    return Instrument(
        venue="derive", contract=parse_name(name), max_amount_nanos=2**60, fee_cap_nanos=cap, **steps, **fees
    )


class Market:
    """Listed options, each with a book and a mark, that the slow path looks at and the fused one is given."""

    def __init__(self, edges=EDGES, mark=None):
        self.instruments = {name: listed(name) for name in NAMES}
        self.books = {name: Book() for name in NAMES}
        self.marks = {}
        key = MakerKey(KEY, CALL["signer"])
        self.signer = Signer(KEY)
        self.slow = SlowPath(self, key, SYMBOLS, **edges, max_age_ns=SECOND)
        self.quoter = RfqQuoter(
            self.signer,
            domain_separator=domain_separator("rysk", "0.0.0", CHAIN, parse_address(RYSK)),
            chain_id=CHAIN,
            **{name: RfqEdge(**edge) for name, edge in edges.items()},
            max_book_age_ns=SECOND,
            max_mark_age_ns=SECOND,
        )
        for address, symbol in SYMBOLS.items():
            self.quoter.add_token(parse_address(address), symbol.removeprefix("W"))
        self.series = {name: list_series(self.quoter, self.instruments[name], self.books[name]) for name in NAMES}
        for name in NAMES:
            self.trade(name, [(90 * NANOS, 5 * NANOS)], [(91 * NANOS, 5 * NANOS)])
            self.value(name, **(mark or {}))

    def trade(self, name, bids, asks, received_ns=NOW_NS):
        return self.books[name].apply_snapshot(bids, asks, 1, received_ns, received_ns)

    def value(self, name, *, index_nanos=2_500 * NANOS, delta=0.45, vega=1.5, now_ns=NOW_NS):
        self.quoter.set_mark(self.series[name], index_nanos=index_nanos, delta=delta, vega=vega, mark_ns=now_ns)
        prices = {"mark_nanos": 90 * NANOS, "index_nanos": index_nanos, "forward_nanos": index_nanos}
        greeks = {"iv": 0.6, "delta": delta, "gamma": 0.0, "vega": vega, "theta": 0.0}
        self.marks[name] = Mark(
            now_ns=now_ns, venue="derive", instrument=name, venue_time_ns=now_ns, **prices, **greeks
        )

    def instrument(self, name):
        return self.instruments.get(name)

    def book(self, name):
        return self.books.get(name)

    def mark(self, name):
        return self.marks.get(name)

    def answer(self, frame, nonce=7, valid_until_s=1_750_000_030):
        """The fused answer, None for the slow path."""
        if not self.quoter.price(frame, NOW_NS):
            return None
        return bytes(self.quoter.build_quote(nonce, valid_until_s))

    def slow_answer(self, frame, nonce=7, valid_until_s=1_750_000_030):
        found = self.slow.price(frame, NOW_NS)
        return None if found is None else self.slow.quote(*found, nonce, valid_until_s, NOW_NS)


def framed(body=BODY, rfq_id="7f9c", **changes):
    fields = {name: value for name, value in (body | changes).items() if value is not None}
    return orjson.dumps({"jsonrpc": "2.0", "id": rfq_id, "result": fields})


def test_the_venues_own_example_is_answered_as_the_slow_path_does():
    """The published RFQ gives a quote, the slow path's to the byte, signed by the maker."""
    market = Market()
    assert market.answer(framed()) == market.slow_answer(framed()) is not None
    assert market.quoter.rfq_id == "7f9c"
    assert (market.quoter.quantity_nanos, market.quoter.taker_buys) == (NANOS, False)
    assert market.quoter.limit_nanos > market.quoter.price_nanos
    assert market.quoter.deadline_ns == NOW_NS + 2 * SECOND
    assert market.quoter.hedge_nanos == 90 * NANOS
    assert market.quoter.series_index == market.series["ETH-20250627-2600-C"]


def test_a_prepared_nonce_signs_a_quote_that_recovers_to_the_maker():
    """With nonces prepared, the signature is another one and still the maker's."""
    market = Market()
    market.signer.prepare(4)
    params = orjson.loads(market.answer(framed()))["params"]
    digest = rysk_quote_digest(
        domain_separator("rysk", "0.0.0", CHAIN, parse_address(RYSK)),
        *(bytes.fromhex(params["assetAddress"][2:]), CHAIN, False, int(params["strike"]), params["expiry"]),
        *(parse_address(CALL["signer"]), int(params["nonce"]), int(params["price"]), int(params["quantity"]), False),
        *(params["validUntil"], bytes.fromhex(params["usd"][2:]), bytes.fromhex(params["collateralAsset"][2:])),
    )
    assert recover(digest, bytes.fromhex(params["signature"][2:])) == parse_address(CALL["signer"])


def test_each_chain_is_answered_under_its_own_domain():
    """A request from a further chain is signed for Rysk's contract there, and the first chain's as before."""
    market = Market()
    contract = CHAINS[998].rysk
    assert market.answer(framed(chainId=998)) is None
    market.quoter.add_chain(998, domain_separator("rysk", "0.0.0", 998, parse_address(contract)))
    for chain_id in (998, CHAIN, 998):
        frame = framed(chainId=chain_id)
        assert market.answer(frame) == market.slow_answer(frame) is not None
    with pytest.raises(ValueError, match="already"):
        market.quoter.add_chain(998, bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        market.quoter.add_chain(1, b"")
    for chain_id in range(1, 15):
        market.quoter.add_chain(chain_id, bytes(32))
    with pytest.raises(ValueError, match="16 chains"):
        market.quoter.add_chain(15, bytes(32))


@pytest.mark.parametrize("length", range(len(framed()) + 1))
def test_a_frame_cut_anywhere_is_not_read(length):
    """No beginning of a frame is taken for the whole, and nothing beyond its end is read."""
    assert (scan_rfq(framed()[:length], NOW_NS) is not None) == (length == len(framed()))


@pytest.mark.parametrize(
    "frame",
    [
        framed()[:-2] + b',"usd":"' + USD.encode() + b'"}}',
        framed(isPremium=True),
        framed(usd=None),
        framed(collateralAsset=None),
        framed(rfq_id="ü"),
        framed(rfq_id='a"b'),
        framed(rfq_id="a b"),
        framed(rfq_id=""),
        framed(rfq_id="x" * 129),
        framed(strike="0260000000000"),
        framed(strike=str(10**17 + 1)),
        framed(quantity="0"),
        framed(quantity="1000000001"),
        framed(quantity=str(10**27 + 10**9)),
        framed(quantity="9" * 29),
        framed(chainId=0),
        framed(chainId=2**63),
        framed(expiry=NOW_NS // SECOND),
        framed(expiry=2**32),
        framed(auctionDeadline=NOW_NS // 10**6),
        framed(isPut=1),
        framed(asset=WETH[:-1] + "g"),
        framed().replace(b",", b", "),
        framed().replace(b'"id"', b'"Id"'),
        framed().replace(b"84532", b"084532"),
        framed().replace(b"84532", b"84532.0"),
        framed().replace(b"84532", b"8453200000000000000000"),
        framed() + b" ",
        b"",
        b"\n",
        b" " * 20_000,
    ],
)
def test_what_is_not_the_venues_own_frame_is_left_to_the_slow_path(frame):
    """A frame that is not exactly what the venue sends is not read at all."""
    assert scan_rfq(frame, NOW_NS) is None


def test_a_frame_is_read_from_any_contiguous_memory():
    """bytes, bytearray and a view of either are the same frame."""
    for kind in (bytes, bytearray, memoryview):
        assert scan_rfq(kind(framed()), NOW_NS)["rfq_id"] == "7f9c"


@pytest.mark.parametrize(
    "change",
    [
        lambda market: market.trade(NAMES[0], [], [(91 * NANOS, NANOS)]),
        lambda market: market.trade(NAMES[0], [(90 * NANOS, NANOS - 1)], []),
        lambda market: market.trade(NAMES[0], [(NANOS // 10, 5 * NANOS)], []),
        lambda market: market.trade(NAMES[0], [(90 * NANOS, NANOS)], [], NOW_NS - SECOND - 1),
        lambda market: market.books[NAMES[0]].darken(),
        lambda market: market.value(NAMES[0], index_nanos=0),
        lambda market: market.value(NAMES[0], delta=float("nan")),
        lambda market: market.value(NAMES[0], vega=float("inf")),
        lambda market: market.value(NAMES[0], now_ns=NOW_NS - SECOND - 1),
    ],
    ids=["empty", "thin", "unprofitable", "stale", "dark", "no index", "delta", "vega", "old mark"],
)
def test_what_cannot_be_priced_is_left_to_the_slow_path(change):
    """No price from a thin, stale or dark book, without a mark, or where nothing is left after edge and fee."""
    market = Market()
    change(market)
    assert market.answer(framed()) is market.slow_answer(framed()) is None
    with pytest.raises(ValueError, match="no request"):
        market.quoter.build_quote(1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"chainId": 1},
        {"asset": "0x" + "11" * 20},
        {"expiry": 1_751_011_201},
        {"strike": "260000000010"},
        {"isPut": True},
    ],
)
def test_an_option_that_is_not_listed_is_left_to_the_slow_path(changes):
    """Another chain, token, expiry, strike or kind is another option."""
    market = Market()
    market.books[NAMES[1]].darken()
    assert market.answer(framed(**changes)) is None


def test_what_cannot_be_meant_is_refused_by_name():
    """Tokens, series, edges and times out of range are refused at the edge."""
    market = Market()
    series = {"expiry_s": 1, "strike_e8": 1, "is_put": False, "book": Book()}
    fees = {"taker_fee_nanos": 0, "base_fee_nanos": 0, "fee_cap_nanos": 0}
    with pytest.raises(ValueError, match="already"):
        market.quoter.add_token(parse_address(WETH), "ETH")
    with pytest.raises(ValueError, match="20 bytes"):
        market.quoter.add_token(b"", "ETH")
    with pytest.raises(ValueError, match="already"):
        list_series(market.quoter, listed(NAMES[0]), Book())
    for name in ("expiry_s", "strike_e8"):
        with pytest.raises(ValueError, match=name):
            market.quoter.add_series("ETH", **series | {name: 0}, **fees)
    for name in fees:
        with pytest.raises(ValueError, match=name):
            market.quoter.add_series("ETH", **series, **fees | {name: -1})
    with pytest.raises(IndexError):
        market.quoter.set_mark(len(NAMES), index_nanos=1, delta=0.0, vega=0.0, mark_ns=0)
    for name, value in (("usd_nanos", -1), ("premium_bps", -1), ("vol_points", float("nan")), ("vol_points", -1.0)):
        with pytest.raises(ValueError, match=name):
            RfqEdge(**{name: value})
    with pytest.raises(ValueError, match="now_ns"):
        market.quoter.price(framed(), -1)


def test_capacity_is_a_limit_in_words():
    """The thirty-third token and the 4097th series are refused, and all before are found."""
    market = Market()
    for number in range(32 - len(SYMBOLS)):
        market.quoter.add_token(number.to_bytes(20), "X")
    with pytest.raises(ValueError, match="32 tokens"):
        market.quoter.add_token(b"\xff" * 20, "X")
    book, fees = market.books[NAMES[0]], {"taker_fee_nanos": 0, "base_fee_nanos": 0, "fee_cap_nanos": 0}
    strikes = range(1, 4097 - len(NAMES))
    for strike in strikes:
        index = market.quoter.add_series("X", expiry_s=1_751_011_200, strike_e8=strike, is_put=False, book=book, **fees)
        market.quoter.set_mark(index, index_nanos=1, delta=0.0, vega=0.0, mark_ns=NOW_NS)
    with pytest.raises(ValueError, match="4096 series"):
        market.quoter.add_series("X", expiry_s=1, strike_e8=1, is_put=False, book=book, **fees)
    for strike in strikes:
        assert market.quoter.price(framed(asset="0x" + "00" * 20, strike=str(strike)), NOW_NS)
        assert market.quoter.series_index == len(NAMES) + strike - 1


def test_a_quote_view_shows_the_last_quote_and_keeps_its_owner():
    """The view borrows the quoter's memory: read-only, valid while it lives, and changed by the next quote."""
    market = Market()
    market.quoter.price(framed(), NOW_NS)
    view = market.quoter.build_quote(1, 2)
    first = bytes(view)
    market.quoter.build_quote(3, 2)
    assert view.readonly
    assert bytes(view) != first
    del market
    assert orjson.loads(bytes(view))["params"]["nonce"] == "3"


addresses = st.sampled_from([*SYMBOLS, WETH.upper().replace("X", "x"), USD, "0x" + "11" * 20, "0x12", 5])
amounts = st.one_of(
    st.integers(0, 10**28).map(str),
    st.integers(1, 20 * 10**9).map(lambda nanos: str(nanos * 10**9)),
    st.sampled_from(["260000000000", "260050000000", "6000000000000", "-1", "1e9", "01", "1.5", ""]),
)
values = {
    "asset": addresses,
    "assetName": st.one_of(st.text(max_size=5), st.sampled_from(["WETH", "a\\", 'a"'])),
    "chainId": st.sampled_from([CHAIN, 1, 0, -5, 2**63, 1.5, "1"]),
    "expiry": st.sampled_from([1_751_011_200, 1_751_011_201, 0, 2**33, "x"]),
    "isPut": st.sampled_from([True, False, None, 0]),
    "quantity": amounts,
    "strike": amounts,
    "taker": addresses,
    "usd": addresses,
    "collateralAsset": addresses,
    "isTakerBuy": st.sampled_from([True, False, 1]),
    "auctionDeadline": st.sampled_from([NOW_NS // 10**6 + 1, NOW_NS // 10**6, 2**43, 2**43 + 1]),
    "isPremium": st.booleans(),
}
changed_fields = st.fixed_dictionaries({}, optional=values)


@st.composite
def frames(draw):
    """Good frames, frames with a few odd fields, in any order, and now and then bytes out of place."""
    drawn = draw(changed_fields)
    kept = draw(st.sets(st.sampled_from(sorted(drawn)), max_size=2)) if drawn else set()
    good = {"quantity": draw(st.integers(1, 12 * 10**9).map(lambda nanos: str(nanos * 10**9)))}
    body = BODY | good | {name: drawn[name] for name in kept}
    for name in draw(st.sets(st.sampled_from(sorted(body)), max_size=draw(st.sampled_from([0, 0, 0, 1])))):
        del body[name]
    tree = {"jsonrpc": "2.0", "id": draw(st.sampled_from(["7f9c", "a" * 128, "", "é"])), "result": body}
    tree["result"] = dict(draw(st.permutations(sorted(body.items()))))
    frame = bytearray(
        json.dumps(tree, separators=draw(st.sampled_from([(",", ":"), (",", ":"), (", ", ": ")]))).encode()
    )
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    return bytes(frame)


@given(frames())
@settings(max_examples=800, deadline=None)
def test_a_frame_that_is_read_is_read_as_the_strict_codec_reads_it(frame):
    """Any frame: either it is left alone, or every field is what the strict codec finds in it."""
    found = scan_rfq(frame, NOW_NS)
    event("read" if found else "left")
    if found is None:
        return
    request = parse_rfq(frame, NOW_NS, AssetMap(SYMBOLS | {"0x" + found["asset"].hex(): "WETH"}))
    rfq = request.rfq
    assert found == {
        "rfq_id": rfq.rfq_id,
        "strike": request.strike,
        "quantity": request.quantity,
        "strike_e8": int(request.strike),
        "quantity_nanos": rfq.quantity_nanos,
        "chain_id": request.chain_id,
        "deadline_ns": request.deadline_ns,
        "expiry_s": rfq.contract.expiry_s,
        "is_put": rfq.contract.option_type.value == "P",
        "taker_buys": rfq.taker_buys,
        "asset": bytes.fromhex(request.asset[2:]),
        "usd": bytes.fromhex(request.usd[2:]),
        "collateral": bytes.fromhex(request.collateral[2:]),
    }


def mostly(usual, far):
    """Three draws of four are usual ones."""
    return st.integers(0, 3).flatmap(lambda at: far if at == 3 else usual)


edges = st.fixed_dictionaries(
    {
        "usd_nanos": mostly(st.integers(0, NANOS), st.integers(0, 10**18)),
        "premium_bps": mostly(st.integers(0, 500), st.integers(0, 12_000)),
        "vol_points": mostly(st.floats(0, 2), st.floats(0, 1e300)),
    }
)
marks = st.fixed_dictionaries(
    {
        "index_nanos": mostly(st.integers(1, 10**13), st.integers(-1, 2**63 - 1)),
        "vega": mostly(st.floats(-1, 10), st.floats()),
        "delta": st.sampled_from([0.5, 0.5, 0.5, 0.5, 0.5, float("nan")]),
        "now_ns": st.sampled_from([NOW_NS, NOW_NS, NOW_NS - SECOND, NOW_NS - SECOND - 1, NOW_NS + 5]),
    }
)
ladders = st.dictionaries(
    mostly(st.integers(50 * NANOS, 100 * NANOS), st.integers(1, 2**63 - 1)),
    mostly(st.integers(NANOS, 9 * NANOS), st.integers(1, 2**63 - 1)),
    min_size=2,
    max_size=5,
)
sound_frames = st.builds(
    lambda nanos, taker_buys: framed(quantity=str(nanos * 10**9), isTakerBuy=taker_buys),
    mostly(st.integers(1, 9 * NANOS), st.integers(1, 10**18)),
    st.sampled_from([None, True, False]),
)


@given(
    st.fixed_dictionaries({"target": edges, "minimum": edges}), marks, ladders, sound_frames, st.integers(0, 2**64 - 1)
)
@settings(max_examples=1_000, deadline=None)
def test_whatever_is_answered_is_answered_as_the_slow_path_does(chosen, mark, ladder, frame, nonce):
    """Any size, book, mark and edge: either the slow path is taken, or its quote comes out to the byte."""
    market = Market(chosen, mark)
    rising = sorted(ladder.items())
    half = len(rising) // 2
    for name in NAMES:
        market.trade(name, rising[:half][::-1], rising[half:])
    answer = market.answer(frame, nonce)
    event("answered" if answer else "left")
    if answer is not None:
        assert answer == market.slow_answer(frame, nonce)
        _, price = market.slow.price(frame, NOW_NS)
        quoter = market.quoter
        assert (quoter.limit_nanos, quoter.hedge_nanos) == (price.limit_nanos, price.hedge_nanos)


@given(st.permutations(sorted(BODY.items())), st.booleans(), st.integers(1, 5 * NANOS), st.sampled_from([True, False]))
@settings(max_examples=200, deadline=None)
def test_a_sound_request_never_needs_the_slow_path(fields, taker_buys, quantity_nanos, is_stated):
    """Fields in any order, either side, any size that the book holds: the fused path answers, as the slow one would."""
    market = Market()
    body = dict(fields) | {"quantity": str(quantity_nanos * 10**9)}
    if is_stated or taker_buys:
        body["isTakerBuy"] = taker_buys
    frame = framed(body)
    slow = market.slow_answer(frame)
    assert market.answer(frame) == slow
