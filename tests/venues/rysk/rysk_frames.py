"""Frames of the published example, and what is needed to read and answer them. Keys are public test keys."""

import json
from pathlib import Path

from atomizer.domain.trading import QuoteSent
from atomizer.venues.rysk.assets import AssetMap
from atomizer.venues.rysk.codec import parse_rfq

_FILE = json.loads((Path(__file__).parents[2] / "data" / "vectors" / "rysk.json").read_text())
VECTORS = {vector["label"]: vector for vector in _FILE["vectors"]}
CALL = VECTORS["v3-base-sepolia-covered-call"]
RFQ_IN = _FILE["wire_example"]["rfq_in"]
QUOTE_OUT = _FILE["wire_example"]["quote_out"]

NOW_NS = 1_750_000_000 * 10**9
WETH = RFQ_IN["result"]["asset"]
MAKER = QUOTE_OUT["params"]["maker"]
KEY = bytes.fromhex(CALL["private_key"][2:])
ASSETS = AssetMap({WETH: "WETH"})


def rfq(**changes):
    """The example RFQ with fields of its body changed; None takes a field out."""
    body = RFQ_IN["result"] | changes
    return RFQ_IN | {"result": {name: value for name, value in body.items() if value is not None}}


def read(tree):
    return parse_rfq(json.dumps(tree).encode(), NOW_NS, ASSETS)


def quote(request, **changes):
    """The example's quote, for any request."""
    fields = {
        "now_ns": NOW_NS,
        "source": "rysk",
        "rfq_id": request.rfq.rfq_id,
        "nonce": 1_750_000_000_123,
        "instrument": request.rfq.contract.name,
        "side": request.rfq.side,
        "price_nanos": 12_500_000_000,
        "quantity_nanos": request.rfq.quantity_nanos,
        "valid_until_s": 1_750_000_030,
        "fair_nanos": 13_000_000_000,
    }
    return QuoteSent(**(fields | changes))


def trade(**changes):
    """Body of the notice that the example's quote was taken."""
    params = QUOTE_OUT["params"]
    echoed = ("assetAddress", "chainId", "expiry", "isPut", "isTakerBuy", "strike", "quantity", "price", "maker")
    body = {name: params[name] for name in echoed} | {
        "taker": RFQ_IN["result"]["taker"],
        "nonce": "1750000001999",
        "quoteNonce": params["nonce"],
        "quoteValidUntil": params["validUntil"],
        "quoteSignature": params["signature"],
        "validUntil": 1_750_000_040,
        "createdAt": 1_750_000_002,
        "apr": 18.25,
        "txHash": "0x" + "ab" * 32,
    }
    return body | changes
