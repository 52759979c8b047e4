"""Rysk signatures, keys and nonces, held against the published vectors and against eth-account."""

import orjson
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from rysk_frames import CALL, KEY, RFQ_IN, VECTORS, WETH, quote, read, rfq

from atomizer.domain.trading import Side
from atomizer.errors import ConfigError
from atomizer.venues.rysk.assets import AssetMap
from atomizer.venues.rysk.auth import MakerKey, NonceClock, quote_digest
from atomizer.venues.rysk.codec import parse_rfq

QUOTES = [
    label
    for label, vector in VECTORS.items()
    if label.startswith("v3") and vector["primaryType"] == "Quote" and int(vector["message"]["price"]) % 10**9 == 0
]  # the SDK's own fixture has a price of 10^-12 USD, finer than any that we sign


def from_vector(vector):
    """The request and quote that a vector's message answers."""
    message = vector["message"]
    body = {
        "asset": message["assetAddress"],
        "chainId": int(message["chainId"]),
        "expiry": int(message["expiry"]),
        "isPut": message["isPut"],
        "isTakerBuy": message["isTakerBuy"],
        "quantity": message["quantity"],
        "strike": message["strike"],
        "usd": message["usd"],
        "collateralAsset": message["collateralAsset"],
    }
    request = parse_rfq(orjson.dumps(RFQ_IN | {"result": body}), 10**9, AssetMap({message["assetAddress"]: "ETH"}))
    sent = quote(
        request,
        nonce=int(message["nonce"]),
        price_nanos=int(message["price"]) // 10**9,
        side=Side.SELL if message["isTakerBuy"] else Side.BUY,
        valid_until_s=int(message["validUntil"]),
    )
    return request, sent


@pytest.mark.parametrize("label", QUOTES)
def test_vector_digests_and_signatures_are_ours(label):
    """Every published quote has our digest and, from its key, our signature, to the byte."""
    vector = VECTORS[label]
    request, sent = from_vector(vector)
    key = MakerKey(bytes.fromhex(vector["private_key"][2:]), vector["signer"])
    assert quote_digest(request, sent, bytes.fromhex(key.maker[2:])).hex() == vector["digest"][2:]
    assert key.sign(request, sent).hex() == vector["signature"][2:]


@settings(max_examples=25)
@given(st.integers(1, 10**15), st.integers(1, 2**63), st.booleans(), st.booleans())
def test_signature_recovers_to_the_maker(price_nanos, nonce, is_put, taker_buys):
    """eth-account, from the JSON that we print, recovers our maker address."""
    request = read(rfq(isPut=is_put, isTakerBuy=taker_buys))
    sent = quote(request, price_nanos=price_nanos, nonce=nonce)
    signature = MakerKey(KEY, CALL["signer"]).sign(request, sent)
    message = CALL["message"] | {
        "price": price_nanos * 10**9,
        "nonce": nonce,
        "isPut": is_put,
        "isTakerBuy": taker_buys,
    }
    numbers = {name: int(message[name]) for name in ("chainId", "strike", "expiry", "quantity", "validUntil")}
    signable = encode_typed_data(CALL["domain"], CALL["types"], message | numbers)
    assert Account.recover_message(signable, signature=signature) == CALL["signer"]


def test_signing_domain_of_a_premium_rfq_changes_the_digest():
    """Two domains are two digests for one and the same quote."""
    plain = read(RFQ_IN)
    domain = {"name": "PremiumOptionHandler", "version": "1", "chainId": "0x14a34", "verifyingContract": WETH}
    premium = read(rfq(isPremium=True, typeDataDomain=domain))
    assert quote_digest(plain, quote(plain), bytes(20)) != quote_digest(premium, quote(premium), bytes(20))


@pytest.mark.parametrize(
    ("secret", "maker", "says"),
    [
        (KEY, VECTORS["v3-base-mainnet-taker-buy-call"]["signer"], "PRIVATE_KEY belongs to 0x2c7536E3605D9C16"),
        (bytes(32), CALL["signer"], "PRIVATE_KEY is not"),
        (b"short", CALL["signer"], "PRIVATE_KEY is not"),
        (KEY, "0x2C7536e3605D9C16a7a3D7b1898e529396a65c23", "MAKER_ADDRESS"),
        (KEY, "", "MAKER_ADDRESS"),
    ],
)
def test_key_that_is_not_the_makers_is_refused_at_start(secret, maker, says):
    """A wrong, foreign or unreadable key or address is a configuration error that shows nothing of the key."""
    with pytest.raises(ConfigError, match=says) as refused:
        MakerKey(secret, maker)
    assert KEY.hex() not in str(refused.value)


def test_key_is_never_shown():
    """Neither the key object's text nor its parts carry the key."""
    key = MakerKey(bytearray(KEY), CALL["signer"].lower())
    assert KEY.hex() not in repr(key) + str(key) + repr(key.signer)
    assert key.maker == CALL["signer"].lower()


@given(st.lists(st.integers(0, 2**61), min_size=1, max_size=30), st.integers(0, 2**60))
def test_nonces_rise_whatever_the_clock_does(times_ns, last):
    """No nonce comes twice, nor one at or below what the journal has seen, also when the clock is set back."""
    clock = NonceClock(last)
    nonces = [clock.next(now_ns) for now_ns in times_ns]
    assert nonces == sorted(set(nonces))
    assert nonces[0] > last


def test_nonce_is_the_clock_in_microseconds():
    """A fresh start takes its nonce from the wall clock."""
    assert NonceClock().next(1_750_000_000_123_456_789) == 1_750_000_000_123_456


def test_nonce_beyond_64_bits_is_refused():
    """A journal that claims an impossible nonce stops the start."""
    with pytest.raises(ConfigError, match="64 bits"):
        NonceClock(2**64 - 1).next(0)
