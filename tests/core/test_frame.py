"""Order messages against the venues' codecs, which say the same with dictionaries, and against recovery."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.ecdsa import Signer, checksum_address, recover
from atomizer._core.eip712 import DeriveActions
from atomizer._core.fixed import format_nanos
from atomizer._core.frame import GTC, IOC, POST_ONLY, DeribitOrders, DeriveOrders
from atomizer.domain.instruments import parse_name
from atomizer.domain.trading import OrderPlaced, Side, TimeInForce
from atomizer.venues.deribit import codec as deribit
from atomizer.venues.deribit.profile import ORDER_VALID_MS
from atomizer.venues.derive import codec
from atomizer.venues.derive.profile import V2_TESTNET, V3_TESTNET

KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")  # public anvil key #0
SIGNER = Signer(KEY)
SUBACCOUNT = 75_723
NAME, ASSET, SUB_ID = "ETH-20270625-6000-C", b"\x4b" * 20, 39614083834112546398585885568
LIVES = {GTC: TimeInForce.GTC, POST_ONLY: TimeInForce.POST_ONLY, IOC: TimeInForce.IOC}


def actions_for(signer_address, subaccount_id=SUBACCOUNT):
    return DeriveActions(b"\x01" * 32, b"\x02" * 20, b"\x03" * 20, b"\x04" * 20, signer_address, subaccount_id)


ACTIONS = actions_for(SIGNER.address)


def writer_for(profile, label_prefix="mm.3.", signer=SIGNER, *, is_protected=False):
    writer = DeriveOrders(
        signer,
        ACTIONS,
        label_prefix=label_prefix,
        nonces_as_text=isinstance(profile.nonce_on_wire(1), str),
        is_protected=is_protected,
    )
    assert writer.add_instrument(NAME, ASSET, SUB_ID) == 0
    return writer


WRITERS = {
    (profile, is_protected): writer_for(profile, is_protected=is_protected)
    for profile in (V2_TESTNET, V3_TESTNET)
    for is_protected in (False, True)
}

positive = st.one_of(
    st.integers(1, 2**63 - 1),
    st.integers(0, 18).map(lambda power: 10**power),
    st.integers(1, 10**9).map(lambda whole: whole * 10**9),
)
unsigned = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 19).flatmap(lambda p: st.integers(10**p - 1, 10**p + 1)))
orders = st.fixed_dictionaries(
    {
        "instrument": st.just(0),
        "is_bid": st.booleans(),
        "price_nanos": positive,
        "amount_nanos": positive,
        "max_fee_nanos": st.one_of(st.just(0), positive),
        "life": st.sampled_from(list(LIVES)),
        "reduce_only": st.booleans(),
        "nonce": unsigned,
        "expiry_s": unsigned,
        "label_number": unsigned,
        "request_id": unsigned,
    }
)
ORDER = {
    "instrument": 0,
    "is_bid": True,
    "price_nanos": 215_300_000_000,
    "amount_nanos": 1_500_000_000,
    "max_fee_nanos": 12_750_000_000,
    "life": GTC,
    "reduce_only": False,
    "nonce": 1_761_000_000_123_456_789,
    "expiry_s": 1_761_003_600,
    "label_number": 17,
    "request_id": 7,
}


def placed_at(venue, order, *, is_protected, now_ns=0):
    return OrderPlaced(
        now_ns=now_ns,
        venue=venue,
        client_id=f"mm.3.{order['label_number']}",
        nonce=order["nonce"],
        instrument=NAME,
        side=Side.BUY if order["is_bid"] else Side.SELL,
        price_nanos=order["price_nanos"],
        amount_nanos=order["amount_nanos"],
        time_in_force=LIVES[order["life"]],
        reduce_only=order["reduce_only"],
        is_protected=is_protected,
    )


def said_by_the_codec(order, profile, signature, *, is_protected):
    placed = placed_at("derive", order, is_protected=is_protected)
    terms = codec.SignedTerms(order["max_fee_nanos"], order["expiry_s"], signature)
    params = codec.build_order(placed, profile, SUBACCOUNT, checksum_address(SIGNER.address), terms)
    return codec.build_request(order["request_id"], "private/order", params)


def digest_of(order):
    return ACTIONS.order(
        ASSET,
        SUB_ID,
        order["price_nanos"] * 10**9,
        order["amount_nanos"] * 10**9,
        order["max_fee_nanos"] * 10**9,
        order["is_bid"],
        order["nonce"],
        order["expiry_s"],
    )


@given(orders, st.sampled_from(list(WRITERS)))
def test_any_message_is_the_codecs_to_the_byte(order, owner):
    """An order message has the very bytes that the venue's codec makes of the same order and signature."""
    signature = "0x" + SIGNER.sign(digest_of(order)).hex()
    profile, is_protected = owner
    said = said_by_the_codec(order, profile, signature, is_protected=is_protected)
    assert bytes(WRITERS[owner].write(**order)) == said


@given(orders)
def test_any_message_carries_the_signature_of_what_it_says(order):
    """The signature in a message recovers to the signer, from a prepared nonce as well."""
    signer = Signer(KEY)
    signer.prepare(1)
    message = json.loads(bytes(writer_for(V3_TESTNET, signer=signer).write(**order)))
    signature = bytes.fromhex(message["params"]["signature"][2:])
    assert recover(digest_of(order), signature) == SIGNER.address
    assert signer.prepared_count == 0


@given(orders, st.integers(1, 2**64 - 1), st.integers(0, 10**12), st.sampled_from(list(WRITERS)))
def test_replacement_names_the_nonce_to_cancel_and_how_far_it_filled(order, replaces_nonce, filled, owner):
    """A replacement is the same order under another method, with the old one's nonce as the version writes nonces."""
    writer = WRITERS[owner]
    placed = json.loads(bytes(writer.write(**order)))
    replaced = json.loads(bytes(writer.write(**order, replaces_nonce=replaces_nonce, replaced_filled_nanos=filled)))
    nonce = str(replaces_nonce) if isinstance(placed["params"]["nonce"], str) else replaces_nonce
    assert replaced == placed | {
        "method": "private/replace",
        "params": placed["params"] | {"nonce_to_cancel": nonce, "expected_filled_amount": format_nanos(filled)},
    }


def test_longest_message_fits():
    """The longest of everything leaves room in the buffer, and is still JSON."""
    writer = DeriveOrders(SIGNER, actions_for(SIGNER.address, 2**63 - 1), label_prefix="m" * 48, nonces_as_text=True)
    instrument = writer.add_instrument("N" * 64, ASSET, SUB_ID)
    largest = dict.fromkeys(("nonce", "expiry_s", "label_number", "request_id", "replaces_nonce"), 2**64 - 1)
    nanos = dict.fromkeys(("price_nanos", "amount_nanos", "max_fee_nanos"), 2**63 - 1)
    message = writer.write(**ORDER | largest | nanos | {"instrument": instrument, "life": POST_ONLY, "is_bid": False})
    assert len(message) < 900  # of 1,024
    params = json.loads(bytes(message))["params"]
    assert params["label"] == "m" * 48 + str(2**64 - 1)
    assert params["subaccount_id"] == 2**63 - 1
    assert params["limit_price"] == "9223372036.854775807"


def test_message_is_borrowed_until_the_next_one():
    """A message shows what was written last, cannot be written to, and outlives the name of its writer."""
    writer = writer_for(V2_TESTNET)
    first = writer.write(**ORDER)
    kept = bytes(first)
    with pytest.raises(TypeError):
        first[0] = 0
    writer.write(**ORDER | {"request_id": 8})
    assert bytes(first) == kept.replace(b'"id":7', b'"id":8')
    del writer
    assert bytes(first)[:8] == b'{"id":8,'


def test_each_instrument_has_its_own_name_and_id():
    """Messages and digests are those of the instrument that is asked for."""
    writer = writer_for(V2_TESTNET)
    other = writer.add_instrument("ETH-PERP", b"\x05" * 20, 0)
    params = json.loads(bytes(writer.write(**ORDER | {"instrument": other})))["params"]
    digest = ACTIONS.order(
        b"\x05" * 20, 0, 2153 * 10**17, 15 * 10**17, 1275 * 10**16, True, ORDER["nonce"], ORDER["expiry_s"]
    )
    assert params["instrument_name"] == "ETH-PERP"
    assert recover(digest, bytes.fromhex(params["signature"][2:])) == SIGNER.address


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instrument", 1),
        ("instrument", -1),
        ("price_nanos", 0),
        ("price_nanos", -1),
        ("amount_nanos", 0),
        ("amount_nanos", -(2**63)),
        ("max_fee_nanos", -1),
        ("life", 3),
        ("life", -1),
    ],
)
def test_what_cannot_be_an_order_is_refused(field, value):
    """An unknown instrument or life, or a price or amount that is not above zero, is refused; nothing is written."""
    writer = writer_for(V2_TESTNET)
    before = bytes(writer.write(**ORDER))
    with pytest.raises(ValueError, match=field.partition("_")[0]):
        writer.write(**ORDER | {field: value})
    assert bytes(memoryview(writer)) == before


@pytest.mark.parametrize(
    ("field", "value"), [("price_nanos", 2**63), ("nonce", 2**64), ("nonce", -1), ("label_number", -1)]
)
def test_what_is_beyond_64_bits_is_refused(field, value):
    """A value that does not fit is an error, never a wrapped number."""
    with pytest.raises(OverflowError):
        WRITERS[V2_TESTNET, False].write(**ORDER | {field: value})


@pytest.mark.parametrize("prefix", ['mm"', "mm\\", "mm 1", "mm\n", "mm\u00e9", "m" * 49, None])
def test_label_that_needs_escaping_is_refused(prefix):
    """A label prefix that would have to be escaped, or is too long, is refused when the writer is made."""
    with pytest.raises((ValueError, TypeError)):
        DeriveOrders(SIGNER, ACTIONS, label_prefix=prefix, nonces_as_text=True)


@pytest.mark.parametrize(
    ("name", "asset", "sub_id"),
    [
        ("", ASSET, 0),
        ("N" * 65, ASSET, 0),
        ('ETH"', ASSET, 0),
        ("ETH-PERP", ASSET[1:], 0),
        ("ETH-PERP", ASSET, -1),
        ("ETH-PERP", ASSET, 2**256),
    ],
)
def test_what_cannot_be_an_instrument_is_refused(name, asset, sub_id):
    """A name that is no name, an address of another length or an id beyond uint256 adds no instrument."""
    writer = writer_for(V2_TESTNET)
    with pytest.raises(ValueError, match=r"name|asset|sub_id"):
        writer.add_instrument(name, asset, sub_id)
    assert writer.add_instrument("ETH-PERP", ASSET, 0) == 1


def test_instruments_are_bounded():
    """A writer knows 2,048 instruments and refuses more."""
    writer = DeriveOrders(SIGNER, ACTIONS, label_prefix="", nonces_as_text=False)
    for number in range(2_048):
        assert writer.add_instrument(f"ETH-{number}", ASSET, number) == number
    with pytest.raises(ValueError, match="more than 2048"):
        writer.add_instrument("ETH-PERP", ASSET, 0)


def test_writer_signs_only_for_its_signer():
    """Actions that name another signer are refused, by both addresses; so is a subaccount beyond an int64."""
    with pytest.raises(ValueError, match="not by Signer"):
        DeriveOrders(SIGNER, actions_for(b"\x09" * 20), label_prefix="mm.", nonces_as_text=True)
    with pytest.raises(ValueError, match="int64"):
        DeriveOrders(SIGNER, actions_for(SIGNER.address, 2**63), label_prefix="mm.", nonces_as_text=True)


# --- Deribit's


def deribit_writer(*, is_protected=False, label_prefix="mm.3."):
    writer = DeribitOrders(label_prefix=label_prefix, valid_ms=ORDER_VALID_MS, is_protected=is_protected)
    assert writer.add_instrument("ETH-20270625-6000-C", "ETH-25JUN27-6000-C") == 0
    return writer


def cancel_of(order_id, request_id=ORDER["request_id"]):
    return deribit.build_request(request_id, "private/cancel", {"order_id": order_id})


@given(orders, st.booleans(), st.integers(0, 2**62))
def test_any_message_to_deribit_is_the_codecs_to_the_byte(order, is_protected, now_ns):
    """It has the very bytes that the venue's codec makes of the same order, by the venue's name, and no signature."""
    placed = placed_at("deribit", order, is_protected=is_protected, now_ns=now_ns)
    params = deribit.build_order(placed, parse_name(NAME), now_ns // 10**6)
    said = deribit.build_request(order["request_id"], deribit.method_of(placed.side), params)
    assert bytes(deribit_writer(is_protected=is_protected).write(**order, now_ns=now_ns)) == said


@given(orders, st.integers(1, 2**64 - 1), st.text("ABCZabz019_-.", min_size=1, max_size=64), unsigned)
def test_a_replacement_at_deribit_is_the_cancel_of_what_rests(order, number, order_id, nonce):
    """It names the old order as the venue does: the new one must not leave before it is known how that one ended."""
    writer = deribit_writer()
    writer.name_order(number, order_id)
    message = writer.write(**order, replaces_nonce=max(nonce, 1), replaces_number=number)
    assert bytes(message) == cancel_of(order_id, order["request_id"])


def test_what_has_no_name_at_deribit_is_not_replaced():
    """An order that was never named, whose name had to make room for 8,192 newer ones, or was forgotten."""
    writer = deribit_writer()
    before = bytes(writer.write(**ORDER))
    for forget in (
        lambda: None,
        lambda: [writer.name_order(number, "ETH-1") for number in (17, 17 + 8_192)],
        lambda: [writer.name_order(17, "ETH-1"), writer.forget_orders()],
    ):
        forget()
        with pytest.raises(ValueError, match="ends in 17"):
            writer.write(**ORDER, replaces_nonce=1, replaces_number=17)
        assert bytes(memoryview(writer)) == before


def test_an_order_has_its_newest_name_at_deribit():
    """Named twice, it is called by the second name, and an order of another number by its own."""
    writer = deribit_writer()
    for number, order_id in ((17, "ETH-1"), (18, "ETH-2"), (17, "ETH-3")):
        writer.name_order(number, order_id)
    assert bytes(writer.write(**ORDER, replaces_nonce=1, replaces_number=17)) == cancel_of("ETH-3")
    assert bytes(writer.write(**ORDER, replaces_nonce=1, replaces_number=18)) == cancel_of("ETH-2")


@pytest.mark.parametrize("order_id", ['ETH"1', "ETH 1", "E" * 65, "\u00e9"])
def test_an_id_that_needs_escaping_is_refused(order_id):
    """It would break out of its message."""
    with pytest.raises(ValueError, match="an order's id"):
        deribit_writer().name_order(1, order_id)


@pytest.mark.parametrize("names", [("", "ETH-25JUN27-6000-C"), (NAME, ""), (NAME, 'ETH"'), ("N" * 65, "ETH")])
def test_what_cannot_be_an_instrument_of_deribit_is_refused(names):
    """No name, or one that needs escaping: nothing is added."""
    writer = deribit_writer()
    with pytest.raises(ValueError, match="name"):
        writer.add_instrument(*names)
    assert writer.add_instrument("ETH-PERP", "ETH-PERPETUAL") == 1
