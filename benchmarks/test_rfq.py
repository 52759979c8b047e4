"""RFQ frame in, decision, signed quote frame out: ours, and what one would otherwise pick, on the same RFQ and book.

The peer does only the necessary: json, sortedcontainers with Decimal levels, one edge, one size check, eth-account's
typed data. Ours does the whole of it: checked fields, fees, two edges, freshness, exposure and every limit of the gate.
Both quotes are the same price and carry valid signatures, which is checked before anything is timed.
"""

import json
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from msgspec.structs import replace
from sortedcontainers import SortedDict

from atomizer._core.book import Book
from atomizer.domain.instruments import NANOS, Instrument, parse_name
from atomizer.domain.reasons import Verdict
from atomizer.domain.trading import Mark, QuoteSent, Side
from atomizer.risk.exposure import InFlight, RunningExposure
from atomizer.risk.gate import Gate
from atomizer.risk.limits import Limits
from atomizer.risk.rules import Proposal
from atomizer.strategies.pricing import BookPricer, BookPricerParams, Edge
from atomizer.strategies.rfq_responder import ResponderParams, RfqResponder
from atomizer.venues.rysk.assets import AssetMap
from atomizer.venues.rysk.auth import MakerKey, NonceClock
from atomizer.venues.rysk.codec import build_quote, parse_rfq

SECOND = 10**9
NOW_NS = 1_750_000_000 * SECOND
KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"  # a public test key
MAKER = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
WETH = "0xb67bfa7b488df4f2efa874f4e59242e9130ae61f"
USDC = "0x98d56648c9b7f3cb49531f4135115b5000ab1733"
RYSK = "0x0ff34dd648b68f09b199b60b91442e750fd13fdc"
CALL = "ETH-20250627-2600-C"
LEVELS = 20
RFQ = (
    '{"jsonrpc":"2.0","id":"%s","result":{"asset":"' + WETH + '","assetName":"WETH","chainId":84532,'
    '"expiry":1751011200,"isPut":false,"quantity":"3500000000000000000","strike":"260000000000",'
    '"taker":"0x2000000000000000000000000000000000000002","usd":"' + USDC + '","collateralAsset":"' + WETH + '"}}'
)
FEE_SHARE, FEE_CAP, BASE_FEE, EDGE, INDEX = Decimal("0.0003"), Decimal("0.125"), Decimal("0.5"), Decimal("0.03"), 2500


# Limits that never speak, so that every rule is asked.
WIDE = {*Limits.__struct_fields__} - {"price_band_nanos", "max_orders_per_second", "max_mark_age_ns"}


class Resident:
    """One listed call with a book of twenty levels a side, and a perpetual that is held."""

    def __init__(self):
        self._instrument = Instrument(
            venue="derive",
            contract=parse_name(CALL),
            tick_nanos=NANOS // 10,
            lot_nanos=NANOS // 100,
            min_amount_nanos=NANOS // 10,
            max_amount_nanos=1000 * NANOS,
            maker_fee_nanos=100_000,
            taker_fee_nanos=300_000,
            base_fee_nanos=NANOS // 2,
            fee_cap_nanos=NANOS // 8,
        )
        self._book = Book()
        bids = [((900 - step) * NANOS // 10, NANOS) for step in range(LEVELS)]
        asks = [((910 + step) * NANOS // 10, NANOS) for step in range(LEVELS)]
        assert self._book.apply_snapshot(bids, asks, 1, NOW_NS, NOW_NS)
        greeks = {"iv": 0.6, "delta": 0.45, "gamma": 0.001, "vega": 1.5, "theta": -2.0}
        prices = {"mark_nanos": 90 * NANOS, "index_nanos": INDEX * NANOS, "forward_nanos": INDEX * NANOS}
        self._mark = Mark(now_ns=NOW_NS, venue="derive", instrument=CALL, venue_time_ns=NOW_NS, **prices, **greeks)

    def instrument(self, _name):
        return self._instrument

    def book(self, _name):
        return self._book

    def mark(self, _name):
        return self._mark


class Ours:
    """Our responder, as the trader wires it, with some positions and open quotes."""

    def __init__(self):
        self.market = Resident()
        edge = Edge(premium_bps=300)
        params = BookPricerParams(target=edge, minimum=edge, max_book_age_ns=SECOND, max_mark_age_ns=SECOND)
        responder = ResponderParams(step_nanos=NANOS // 20, max_remembered=1000)
        self.pricer = BookPricer(params, self.market)
        self.responder = RfqResponder(responder, self.pricer)
        self.gate = Gate(
            Limits(
                **dict.fromkeys(WIDE, 10**30),
                price_band_nanos=NANOS // 5,
                max_orders_per_second=20,
                max_mark_age_ns=SECOND,
            )
        )
        self.assets = AssetMap({WETH: "ETH"})
        self.key = MakerKey(bytes.fromhex(KEY[2:]), MAKER)
        self.nonces = NonceClock()
        self.exposure = RunningExposure()
        for name in (f"ETH-20250627-{strike}-C" for strike in range(2000, 2900, 100)):
            self.exposure.on_mark(replace(self.market.mark(name), instrument=name))
            self.exposure.hold(name, NANOS)
        self.exposure.hold("ETH-PERP", -NANOS)
        for side in Side:
            self.exposure.put_quote(side.word, InFlight(CALL, side, NANOS, 90 * NANOS))

    def answer(self, frame):
        request = parse_rfq(frame, NOW_NS, self.assets)
        plan = self.responder.on_rfq(request.rfq, request.deadline_ns, NOW_NS)
        assert not isinstance(plan, Verdict)
        proposal = Proposal(plan.instrument, plan.side, plan.price_nanos, plan.quantity_nanos)
        mark = self.market.mark
        exposure = self.exposure.measure(plan.instrument, NOW_NS - SECOND)
        assert self.gate.check_quote(proposal, mark(CALL), exposure, NOW_NS).allowed
        quote = QuoteSent(
            now_ns=NOW_NS,
            source="rysk",
            rfq_id=plan.rfq_id,
            nonce=self.nonces.next(NOW_NS),
            instrument=plan.instrument,
            side=plan.side,
            price_nanos=plan.price_nanos,
            quantity_nanos=plan.quantity_nanos,
            valid_until_s=NOW_NS // SECOND + 30,
            fair_nanos=plan.fair_nanos,
        )
        return build_quote(request, quote, self.key.maker, self.key.sign(request, quote))


QUOTE_FIELDS = (
    "address assetAddress,uint256 chainId,bool isPut,uint256 strike,uint64 expiry,address maker,uint64 nonce,"
    "uint256 price,uint256 quantity,bool isTakerBuy,uint64 validUntil,address usd,address collateralAsset"
)
TYPES = {"Quote": [dict(zip(("type", "name"), field.split(), strict=True)) for field in QUOTE_FIELDS.split(",")]}


class Peer:
    """json, sortedcontainers, Decimal and eth-account, put together in the obvious way."""

    def __init__(self):
        self.bids = SortedDict({Decimal(900 - step) / 10: Decimal(1) for step in range(LEVELS)})
        self.nonces = count(NOW_NS // 1000)

    def proceeds(self, quantity):
        left, paid = quantity, Decimal(0)
        for price, size in reversed(self.bids.items()):
            taken = min(left, size)
            paid += taken * price
            left -= taken
            if not left:
                return paid
        raise ValueError("thin book")

    def answer(self, frame):
        message = json.loads(frame)
        rfq = message["result"]
        quantity = Decimal(rfq["quantity"]) / 10**18
        assert 0 < quantity <= 25
        nano = Decimal("1e-9")
        vwap = (self.proceeds(quantity) / quantity).quantize(nano, ROUND_FLOOR)
        fee = min(FEE_SHARE * INDEX, FEE_CAP * vwap) + (BASE_FEE / quantity).quantize(nano, ROUND_CEILING)
        price = vwap - fee - (EDGE * vwap).quantize(nano, ROUND_CEILING)
        params = {
            "assetAddress": rfq["asset"].lower(),
            "chainId": rfq["chainId"],
            "isPut": rfq["isPut"],
            "strike": int(rfq["strike"]),
            "expiry": rfq["expiry"],
            "maker": MAKER.lower(),
            "nonce": next(self.nonces),
            "price": int(price * 10**18),
            "quantity": int(rfq["quantity"]),
            "isTakerBuy": rfq.get("isTakerBuy", False),
            "validUntil": NOW_NS // SECOND + 30,
            "usd": rfq["usd"],
            "collateralAsset": rfq["collateralAsset"],
        }
        domain = {"name": "rysk", "version": "0.0.0", "chainId": rfq["chainId"], "verifyingContract": RYSK}
        signed = Account.sign_message(encode_typed_data(domain, TYPES, params), KEY)
        wire = params | {name: str(params[name]) for name in ("strike", "nonce", "price", "quantity")}
        wire["signature"] = "0x" + bytes(signed.signature).hex()
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], "method": "quote", "params": wire}).encode()


def recovered(frame):
    """(price, address that eth-account recovers) of a quote frame."""
    params = json.loads(frame)["params"]
    numbers = {name: int(params[name]) for name in ("strike", "nonce", "price", "quantity")}
    domain = {"name": "rysk", "version": "0.0.0", "chainId": 84532, "verifyingContract": RYSK}
    message = {name: value for name, value in (params | numbers).items() if name != "signature"}
    return params["price"], Account.recover_message(
        encode_typed_data(domain, TYPES, message), signature=params["signature"]
    )


def test_both_answer_alike():
    """Ours and the peer show the same price under valid signatures."""
    frame = (RFQ % "rfq-0").encode()
    ours, peer = recovered(Ours().answer(frame)), recovered(Peer().answer(frame))
    assert ours == peer
    assert ours[1] == MAKER


@pytest.mark.parametrize("responder", [Ours, Peer], ids=["atomizer", "json+sortedcontainers+Decimal+eth_account"])
def test_rfq_to_signed_quote(benchmark, responder):
    """A new RFQ each time, from its frame to ours."""
    benchmark.group = "RFQ frame in, signed quote frame out"
    answering = responder()
    number = count()

    def frame():
        return ((RFQ % f"rfq-{next(number)}").encode(),), {}

    benchmark.pedantic(answering.answer, setup=frame, rounds=3000 if responder is Ours else 200, warmup_rounds=20)


@pytest.fixture
def answered():
    """A responder, a frame, and the request and quote that it leads to."""
    ours = Ours()
    frame = (RFQ % "rfq-0").encode()
    request = parse_rfq(frame, NOW_NS, ours.assets)
    quote = QuoteSent(
        now_ns=NOW_NS,
        source="rysk",
        rfq_id="rfq-0",
        nonce=1,
        instrument=CALL,
        side=request.rfq.side,
        price_nanos=85 * NANOS,
        quantity_nanos=request.rfq.quantity_nanos,
        valid_until_s=NOW_NS // SECOND + 30,
        fair_nanos=88 * NANOS,
    )
    return ours, frame, request, quote


@pytest.mark.parametrize("stage", ["parse", "price", "exposure", "gate", "sign", "build"])
@pytest.mark.benchmark(group="stages of our answer")
def test_stage(benchmark, stage, answered):
    """Each stage of our answer by itself."""
    ours, frame, request, quote = answered
    oldest_ns, mark = NOW_NS - SECOND, ours.market.mark
    exposure = ours.exposure.measure(CALL, oldest_ns)
    proposal = Proposal(CALL, quote.side, quote.price_nanos, quote.quantity_nanos)
    stages = {
        "parse": (parse_rfq, frame, NOW_NS, ours.assets),
        "price": (ours.pricer.price, request.rfq, NOW_NS),
        "exposure": (ours.exposure.measure, CALL, oldest_ns),
        "gate": (ours.gate.check_quote, proposal, mark(CALL), exposure, NOW_NS),
        "sign": (ours.key.sign, request, quote),
        "build": (build_quote, request, quote, ours.key.maker, bytes(65)),
    }
    benchmark(*stages[stage])
