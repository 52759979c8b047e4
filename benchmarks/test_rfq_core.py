"""RFQ frame in, signed quote frame out, by the fused path, beside the fastest Python parts put together by hand.

The peer is what a careful engineer writes with the best libraries there are: orjson, integer levels, constant words
padded once, pycryptodome's Keccak, coincurve's signature. Both give the same price under the maker's signature, which
is checked first. The target for the fused path is a median of 6 us.
"""

import gc
import json
from itertools import count

import coincurve
import orjson
import pytest
from Crypto.Hash import keccak as pycryptodome
from tail import note_tail

from atomizer._core.book import Book
from atomizer._core.ecdsa import NONCE_CAPACITY, Signer, parse_address, recover
from atomizer._core.eip712 import QUOTE_TYPEHASH, domain_separator, rysk_quote_digest
from atomizer._core.rfq import RfqEdge, RfqQuoter

NANOS = 10**9
NOW_NS = 1_750_000_000 * NANOS
VALID_UNTIL_S = 1_750_000_030
KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")  # a public test key
WETH = "0xb67bfa7b488df4f2efa874f4e59242e9130ae61f"
USD = "0x98d56648c9b7f3cb49531f4135115b5000ab1733"
RYSK = "0x0ff34dd648b68f09b199b60b91442e750fd13fdc"
CHAIN = 84532
EXPIRY_S = 1_751_011_200
SERIES = 200
LEVELS = 20
TAKER_FEE, BASE_FEE, FEE_CAP, INDEX = 300_000, NANOS // 2, NANOS // 8, 2_500 * NANOS
PREMIUM_BPS = 300
ROUNDS = 900  # below the nonces that a signer can hold
DOMAIN = domain_separator("rysk", "0.0.0", CHAIN, parse_address(RYSK))
BIDS = [((900 - step) * NANOS // 10, NANOS) for step in range(LEVELS)]
ASKS = [((910 + step) * NANOS // 10, NANOS) for step in range(LEVELS)]


def frame(number):
    body = {
        "asset": WETH,
        "assetName": "WETH",
        "chainId": CHAIN,
        "expiry": EXPIRY_S,
        "isPut": False,
        "quantity": "3500000000000000000",
        "strike": str((2_000 + number % SERIES * 5) * 10**8),
        "taker": "0x2000000000000000000000000000000000000002",
        "usd": USD,
        "collateralAsset": WETH,
    }
    rfq_id = f"6d1f0c1e-5a0b-4b5e-9c1f-{number:012d}"
    return orjson.dumps({"jsonrpc": "2.0", "id": rfq_id, "result": body})


class Fused:
    """The compiled path, over a listing of two hundred options."""

    def __init__(self):
        self.signer = Signer(KEY)
        edge = RfqEdge(premium_bps=PREMIUM_BPS)
        self.quoter = RfqQuoter(
            self.signer,
            domain_separator=DOMAIN,
            chain_id=CHAIN,
            target=edge,
            minimum=edge,
            max_book_age_ns=NANOS,
            max_mark_age_ns=NANOS,
        )
        self.quoter.add_token(parse_address(WETH), "ETH")
        self.nonces = count(NOW_NS // 1000)
        for number in range(SERIES):
            book = Book()
            assert book.apply_snapshot(BIDS, ASKS, 1, NOW_NS, NOW_NS)
            series = self.quoter.add_series(
                "ETH",
                expiry_s=EXPIRY_S,
                strike_e8=(2_000 + number * 5) * 10**8,
                is_put=False,
                book=book,
                taker_fee_nanos=TAKER_FEE,
                base_fee_nanos=BASE_FEE,
                fee_cap_nanos=FEE_CAP,
            )
            self.quoter.set_mark(series, index_nanos=INDEX, delta=0.45, vega=1.5, mark_ns=NOW_NS)

    def make_ready(self):
        self.signer.prepare(NONCE_CAPACITY)

    def answer(self, received):
        assert self.quoter.price(received, NOW_NS)
        return self.quoter.build_quote(next(self.nonces), VALID_UNTIL_S)


class BestLibraries:
    """orjson, cumulative integer levels, pycryptodome and coincurve, with everything constant made beforehand."""

    def __init__(self):
        self.key = coincurve.PrivateKey(KEY)
        self.maker = "0x" + Signer(KEY).address.hex()
        self.nonces = count(NOW_NS // 1000)
        self.bids = {(2_000 + number * 5) * 10**8: BIDS for number in range(SERIES)}
        self.head = QUOTE_TYPEHASH
        self.maker_word = bytes(12) + Signer(KEY).address
        self.sealed = b"\x19\x01" + DOMAIN

    def make_ready(self):
        """Nothing can be prepared with these."""

    def hedge(self, levels, quantity):
        left, paid = quantity, 0
        for price, size in levels:
            taken = min(left, size)
            paid += taken * price
            left -= taken
            if not left:
                return paid // quantity
        raise ValueError("thin book")

    def answer(self, received):
        message = orjson.loads(received)
        rfq = message["result"]
        strike, quantity_e18 = int(rfq["strike"]), int(rfq["quantity"])
        quantity = quantity_e18 // NANOS
        hedge = self.hedge(self.bids[strike], quantity)
        rate = min(-(-TAKER_FEE * INDEX // NANOS), -(-FEE_CAP * hedge // NANOS))
        fee = rate - (-BASE_FEE * NANOS // quantity)
        price_e18 = (hedge - fee + (-hedge * PREMIUM_BPS // 10_000)) * NANOS
        nonce = next(self.nonces)
        is_put, is_taker_buy = rfq["isPut"], rfq.get("isTakerBuy", False)
        struct = b"".join(
            (
                self.head,
                word_of(rfq["asset"]),
                rfq["chainId"].to_bytes(32),
                is_put.to_bytes(32),
                strike.to_bytes(32),
                rfq["expiry"].to_bytes(32),
                self.maker_word,
                nonce.to_bytes(32),
                price_e18.to_bytes(32),
                quantity_e18.to_bytes(32),
                is_taker_buy.to_bytes(32),
                VALID_UNTIL_S.to_bytes(32),
                word_of(rfq["usd"]),
                word_of(rfq["collateralAsset"]),
            )
        )
        signature = self.key.sign_recoverable(keccak(self.sealed + keccak(struct)), hasher=None)
        params = {
            "assetAddress": rfq["asset"],
            "chainId": rfq["chainId"],
            "expiry": rfq["expiry"],
            "isPut": is_put,
            "isTakerBuy": is_taker_buy,
            "maker": self.maker,
            "nonce": str(nonce),
            "price": str(price_e18),
            "quantity": rfq["quantity"],
            "strike": rfq["strike"],
            "signature": f"0x{signature[:64].hex()}{signature[64] + 27:02x}",
            "validUntil": VALID_UNTIL_S,
            "usd": rfq["usd"],
            "collateralAsset": rfq["collateralAsset"],
        }
        return orjson.dumps({"jsonrpc": "2.0", "id": message["id"], "method": "quote", "params": params})


def keccak(data):
    return pycryptodome.new(data=data, digest_bits=256).digest()


def word_of(address):
    return bytes(12) + bytes.fromhex(address[2:])


def recovered(quote):
    """(price, address that signed) of a quote frame."""
    params = json.loads(bytes(quote))["params"]
    addresses = [bytes.fromhex(params[name][2:]) for name in ("assetAddress", "maker", "usd", "collateralAsset")]
    asset, maker, usd, collateral = addresses
    numbers = [int(params[name]) for name in ("nonce", "price", "quantity")]
    digest = rysk_quote_digest(
        *(DOMAIN, asset, CHAIN, params["isPut"], int(params["strike"]), params["expiry"], maker),
        *(*numbers, params["isTakerBuy"], params["validUntil"], usd, collateral),
    )
    return params["price"], recover(digest, bytes.fromhex(params["signature"][2:]))


def test_both_answer_alike():
    """The same price under the same maker's signature."""
    fused, peer = Fused(), BestLibraries()
    fused.make_ready()
    assert recovered(fused.answer(frame(0))) == recovered(peer.answer(frame(0)))
    assert recovered(fused.answer(frame(1)))[1] == Signer(KEY).address


@pytest.mark.parametrize("responder", [Fused, BestLibraries], ids=["atomizer", "orjson+pycryptodome+coincurve"])
@pytest.mark.benchmark(group="RFQ frame in, signed quote frame out, fused path")
def test_rfq_to_signed_quote(benchmark, responder):
    """Another RFQ each time; p99 stands in the extra info."""
    answering = responder()
    frames = map(frame, count())
    answering.make_ready()
    gc.disable()
    benchmark.pedantic(answering.answer, setup=lambda: ((next(frames),), {}), rounds=ROUNDS, warmup_rounds=50)
    gc.enable()
    note_tail(benchmark)


@pytest.mark.parametrize("stage", ["read and price", "sign and write"])
@pytest.mark.benchmark(group="stages of the fused RFQ path")
def test_stage(benchmark, stage):
    """Frame to price, and price to signed frame."""
    fused, received = Fused(), frame(7)
    fused.make_ready()
    assert fused.quoter.price(received, NOW_NS)
    act = {
        "read and price": lambda: fused.quoter.price(received, NOW_NS),
        "sign and write": lambda: fused.quoter.build_quote(1, VALID_UNTIL_S),
    }[stage]
    benchmark.pedantic(act, rounds=ROUNDS, warmup_rounds=50)
    note_tail(benchmark)
