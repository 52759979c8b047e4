"""Deposits, withdrawals and schemas at Rysk: signed as published, ended for their asker, and known by sight."""

import asyncio

import orjson
import pytest
from rysk_frames import KEY, MAKER, RFQ_IN, VECTORS, read, rfq

from atomizer.domain.trading import QuoteAnswered, QuoteOutcome
from atomizer.errors import ConfigError, OutcomeUnknown, Refused
from atomizer.venues.rysk.auth import MakerKey, transfer_digest
from atomizer.venues.rysk.schemas import Schema, schema_of_types
from atomizer.venues.rysk.transfers import Transfer, Transfers

VECTOR = VECTORS["v3-transfer-deposit"]


def transfer(**changes):
    message = VECTOR["message"]
    fields = {
        "asset": message["asset"],
        "chain_id": int(message["chainId"]),
        "amount": int(message["amount"]),
        "is_deposit": message["isDeposit"],
        "nonce": int(message["nonce"]),
    }
    return Transfer(**(fields | changes))


def test_a_transfer_is_signed_as_published():
    """Digest and signature of the published deposit, to the byte."""
    key = MakerKey(bytes.fromhex(VECTOR["private_key"][2:]), VECTOR["signer"])
    assert transfer_digest(transfer(), bytes.fromhex(key.maker[2:])).hex() == VECTOR["digest"][2:]
    assert key.sign_transfer(transfer()).hex() == VECTOR["signature"][2:]
    assert key.sign_transfer(transfer(is_deposit=False)) != key.sign_transfer(transfer())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"asset": "0x12"}, "not an address"),
        ({"chain_id": 5}, "no known Rysk contract"),
        ({"amount": 0}, "above 0"),
        ({"amount": -5}, "above 0"),
        ({"amount": 2**256}, "above 0"),
    ],
)
async def test_a_transfer_that_cannot_be_meant_does_not_leave(changes, words):
    """No address, no known chain, no amount: refused before anything is signed or sent."""
    sent = []
    transfers = Transfers(sent.append, MAKER, MakerKey(KEY, MAKER).sign_transfer)
    with pytest.raises(ConfigError, match=words):
        await transfers.send(transfer(**changes), 1_750_000_000)
    assert sent == []


def answer(request_id, outcome, detail=""):
    return QuoteAnswered(now_ns=0, source="rysk", rfq_id=request_id, outcome=outcome, detail=detail)


async def test_each_transfer_ends_as_accepted_refused_or_unknown():
    """By its own id, also two in one second; without an answer, or with the connection lost, it is unknown."""
    sent = []
    transfers = Transfers(sent.append, MAKER, MakerKey(KEY, MAKER).sign_transfer)
    asked = [asyncio.create_task(transfers.send(transfer(nonce=n), 1_750_000_000)) for n in range(3)]
    await asyncio.sleep(0)
    ids = [orjson.loads(frame)["id"] for frame in sent]
    assert ids == ["1750000000", "1750000001", "1750000002"]
    assert not transfers.on_answer(answer("some-rfq", QuoteOutcome.BEST))
    assert transfers.on_answer(answer(ids[1], QuoteOutcome.REFUSED, "insufficient balance"))
    assert transfers.on_answer(answer(ids[0], QuoteOutcome.BEST))
    transfers.cut_off()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert ends[0] is None
    assert isinstance(ends[1], Refused)
    assert "insufficient" in str(ends[1])
    assert isinstance(ends[2], OutcomeUnknown)
    with pytest.raises(OutcomeUnknown, match="balances"):
        await transfers.send(transfer(), 1_750_000_000, answer_within_s=0.01)
    assert not transfers.on_answer(answer(ids[0], QuoteOutcome.BEST))


@pytest.mark.parametrize(
    ("label", "schema"),
    [
        ("v3-base-sepolia-covered-call", Schema.CURRENT),
        ("v3-transfer-deposit", Schema.CURRENT),
        ("legacy-v2-quote", Schema.AUGUST_2025),
        ("legacy-v1-transfer", Schema.APRIL_2025),
    ],
)
def test_signed_types_are_known_by_their_fields(label, schema):
    """The published vectors of today and of 2025, each named; types that Rysk never had are not."""
    assert schema_of_types(VECTORS[label]["types"]) is schema
    assert schema_of_types({"Quote": [{"name": "price", "type": "uint256"}]}) is None
    assert schema_of_types({"Order": []}) is None


def test_an_rfq_shows_which_schema_its_venue_speaks():
    """What it leaves out tells: collateralAsset since November 2025, usd since August."""
    assert read(RFQ_IN).schema is Schema.CURRENT
    assert read(rfq(collateralAsset=None)).schema is Schema.AUGUST_2025
    assert read(rfq(collateralAsset=None, usd=None)).schema is Schema.APRIL_2025
    assert "August 2025" in Schema.APRIL_2025
