"""A maker for the tests of practice Rysk: signs with eth-account by the schemas of the published vectors, and a desk
that holds the venue's clock.

The keys are public test keys.
"""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_typed_data

from atomizer.sim.market import Market, RfqArrival, Rival
from atomizer.sim.rysk.venue import RyskVenue

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
MAKER = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"
OTHER_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # anvil's first
OTHER_MAKER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
TAKER = "0x2000000000000000000000000000000000000002"

SECOND_NS = 1_000_000_000
START_NS = 1_750_000_000 * SECOND_NS  # the published quotes are valid until thirty seconds later
NOW_NS = START_NS + 10_000_000
RFQ_ID = "7b1b1a2e-0000-4000-8000-000000000001"

VECTORS = {
    vector["label"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "data" / "vectors" / "rysk.json").read_text())["vectors"]
}
CALL = VECTORS["v3-base-sepolia-covered-call"]
WETH = CALL["message"]["assetAddress"]
USDC = CALL["message"]["usd"]


def e18(value):
    return str(int(Decimal(value) * 10**18))


def sign(vector, message, key):
    """Signature over `message` by the schema of a published vector, in that vector's domain."""
    domain = vector["domain"] | ({"chainId": int(message["chainId"])} if "chainId" in message else {})
    numeric = {
        field["name"]: int(message[field["name"]]) if field["type"].startswith("uint") else message[field["name"]]
        for field in vector["types"][vector["primaryType"]]
    }
    signable = encode_typed_data(domain, vector["types"], numeric)
    return "0x" + bytes(Account.sign_message(signable, key).signature).hex()


def arrival(market, **changes):
    """The RFQ of the published covered-call quote, as the market would bring it."""
    rfq = RfqArrival(
        now_ns=market.now_ns,
        rfq_id=RFQ_ID,
        chain_id=84532,
        asset=WETH,
        symbol="WETH",
        underlying="ETH",
        expiry_s=1_751_011_200,
        strike=Decimal(2600),
        is_put=False,
        quantity=Decimal(1),
        is_taker_buy=False,
        taker=TAKER,
        usd=USDC,
        collateral=WETH,
        rivals=(),
        reserve=Decimal("0.0001"),
    )
    return replace(rfq, **changes)


def rival(price, *, limit=None, delay_ms=100, reaction_ms=100, maker="rival-1"):
    return Rival(maker, delay_ms, Decimal(price), Decimal(price if limit is None else limit), reaction_ms)


def quote_params(rfq, price, nonce, *, key=KEY, valid_until=1_750_000_030, **unsigned):
    """Signed parameters for a broadcast RFQ (its `result`); `unsigned` overrides fields after the signature."""
    params = {
        "assetAddress": rfq["asset"],
        "chainId": rfq["chainId"],
        "expiry": rfq["expiry"],
        "isPut": rfq["isPut"],
        "isTakerBuy": rfq.get("isTakerBuy", False),
        "maker": Account.from_key(key).address.lower(),
        "nonce": str(nonce),
        "price": e18(price),
        "quantity": rfq["quantity"],
        "strike": rfq["strike"],
        "validUntil": valid_until,
        "usd": rfq["usd"],
        "collateralAsset": rfq["collateralAsset"],
    }
    return params | {"signature": sign(CALL, params, key)} | unsigned


def transfer_params(amount, nonce, *, is_deposit, key=KEY, **changes):
    params = {
        "user": Account.from_key(key).address.lower(),
        "asset": USDC,
        "chainId": 84532,
        "amount": str(amount),
        "isDeposit": is_deposit,
        "nonce": str(nonce),
    } | changes
    return {"signature": sign(VECTORS["v3-transfer-deposit"], params, key)} | params


def call(method, params, call_id):
    return json.dumps({"jsonrpc": "2.0", "id": call_id, "method": method, "params": params})


WIRE_EXAMPLE = call(
    "quote",
    {
        **{key: value for key, value in CALL["message"].items() if key not in {"chainId", "expiry", "validUntil"}},
        "chainId": 84532,
        "expiry": 1751011200,
        "validUntil": 1750000030,
        "signature": CALL["signature"],
    },
    RFQ_ID,
)


def code_of(answer):
    return answer["error"]["code"]


MARKET = Market(7, START_NS)  # it never advances here, so everybody may look at the same one


class Desk:
    """The venue with its outbox sorted by connection."""

    def __init__(self, **options):
        self.market = MARKET
        self.venue = RyskVenue(self.market, START_NS, **options)
        self.rfqs = self.venue.connect(f"/rfqs/{WETH}")
        self.maker = self.venue.connect("/maker")
        self.other = self.venue.connect("/maker")
        self.taker = self.venue.connect("/taker")

    def sent(self, connection):
        """Frames for one connection since the last look; what was for others is dropped."""
        return [json.loads(frame) for to, frame in self.venue.drain() if to == connection and frame.strip()]

    def open(self, **changes):
        """The broadcast of an RFQ, as a socket for its asset gets it."""
        rfq = arrival(self.market, **changes)
        listening = self.venue.connect(f"/rfqs/{rfq.asset}")
        self.venue.on_market([rfq], START_NS)
        return self.sent(listening)[0]["result"]

    def ask(self, connection, frame, now_ns=NOW_NS):
        """The one frame that answers this one."""
        self.venue.drain()
        self.venue.receive(connection, frame, now_ns)
        answers = self.sent(connection)
        assert len(answers) == 1
        return answers[0]

    def quote(self, params, *, connection=None, rfq_id=RFQ_ID, now_ns=NOW_NS):
        return self.ask(connection or self.maker, call("quote", params, rfq_id), now_ns)

    def balance_e18(self, maker=MAKER):
        return int(self.venue.ledger()["makers"][maker]["balances_e18"][USDC])
