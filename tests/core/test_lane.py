"""The fused path, rule by rule: what a frame leads to, and what becomes of a row."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer._core.appender import Appender, HeadMemory
from atomizer._core.book import CAPACITY
from atomizer._core.ecdsa import Signer, parse_address, recover
from atomizer._core.eip712 import DeriveActions
from atomizer._core.fixed import NANOS
from atomizer._core.frame import GTC, IOC, POST_ONLY, DeribitOrders, DeriveOrders
from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.lane import CANCEL, NO_SLOT, PLACE, REPLACE, RESUBSCRIBE, ROW, Lane
from atomizer._core.nonces import Nonces
from atomizer._core.outbox import FIRST_REQUEST_ID, ORDERS, Outbox
from atomizer._core.quote import QuoteParams
from atomizer._core.socket_writer import SocketWriter
from atomizer.domain.trading import OrderPlaced, Side, TimeInForce
from atomizer.journal.frames import build_frame, parse_frames
from atomizer.journal.records import decode_record, encode_record
from tests.reference.book_frames import DERIBIT, DERIVE, SNAPSHOTS, deribit, derive
from tests.reference.reference_lane import LIMITS, PARAMS, apply_book, read_book
from tests.reference.reference_slot import as_tuples

NOW_NS = 1_750_000_000 * NANOS
SECOND_NS = 10**9
LIFE_WORDS = {GTC: "gtc", POST_ONLY: "post_only", IOC: "ioc"}
LIVES = list(LIFE_WORDS)


def lane_of(*channels, per_second=100, outbox=None):
    lane = Lane(Gate(per_second), outbox)
    made = {"params": QuoteParams(**PARAMS), "limits": InstrumentLimits(**LIMITS)}
    for channel in channels:
        slot = lane.add(channel.encode(), **made, keep_price_nanos=0, keep_size_nanos=0)
        slot.set_mark(102 * NANOS, NOW_NS)
    return lane


def rows_of(lane, frame, now_ns=NOW_NS):
    count = lane.on_frame(frame, now_ns)
    assert count >= 0
    return as_tuples(lane.rows, count)


def settle(lane, slot, rows):
    for _, action, is_bid, _, price, size in rows:
        slot.settle(is_bid, price, size if action != CANCEL else 0)
    assert lane.on_book_changed(slot, NOW_NS) == 0


@pytest.mark.parametrize("channel", SNAPSHOTS)
def test_a_snapshot_becomes_orders_on_both_sides(channel):
    """The first frame of a book gives a place for either side, at the touch that it shows."""
    rows = rows_of(lane_of(channel), SNAPSHOTS[channel])
    assert rows == [(0, PLACE, False, "OK", 104 * NANOS, NANOS), (0, PLACE, True, "OK", 100 * NANOS, NANOS)]


def test_a_frame_away_from_the_touch_gives_nothing():
    """When what we look at has not moved, nothing comes out, and the deeper book is right all the same."""
    lane = lane_of(DERIBIT)
    slot = lane.slot(DERIBIT.encode())
    settle(lane, slot, rows_of(lane, SNAPSHOTS[DERIBIT]))
    assert rows_of(lane, deribit(DERIBIT, 8, [(190, 4)], [(220, 4)], previous=7)) == []
    assert slot.book.levels(True) == [(100 * NANOS, 3 * NANOS), (95 * NANOS, 2 * NANOS)]


def test_a_move_that_was_refused_is_tried_again_by_a_quiet_frame():
    """What the order rate kept from moving moves with the first frame after the second is over."""
    lane = lane_of(DERIBIT, per_second=3)
    settle(lane, lane.slot(DERIBIT.encode()), rows_of(lane, SNAPSHOTS[DERIBIT]))
    both_higher = deribit(DERIBIT, 8, [(202, 8)], [(208, 0), (210, 8)], previous=7)
    assert [row[1:3] for row in rows_of(lane, both_higher)] == [(REPLACE, False)]
    lane.slot(DERIBIT.encode()).settle(False, 105 * NANOS, NANOS)
    assert rows_of(lane, deribit(DERIBIT, 9, [(190, 1)], [], previous=8)) == []
    later = deribit(DERIBIT, 10, [(190, 2)], [], previous=9)
    assert [row[1:3] for row in rows_of(lane, later, NOW_NS + SECOND_NS)] == [(REPLACE, True)]


def test_a_gap_pulls_and_asks_for_a_snapshot():
    """A change that does not follow the last one darkens the slot: cancels first, then the wish for a snapshot."""
    lane = lane_of(DERIBIT)
    settle(lane, lane.slot(DERIBIT.encode()), rows_of(lane, SNAPSHOTS[DERIBIT]))
    rows = rows_of(lane, deribit(DERIBIT, 10, [(202, 4)], [], previous=9))
    assert [row[1:4] for row in rows] == [
        (CANCEL, True, "NO_BOOK"),
        (CANCEL, False, "NO_BOOK"),
        (RESUBSCRIBE, False, "NO_BOOK"),
    ]
    assert rows_of(lane, deribit(DERIBIT, 11, [], [], previous=10)) == []


@pytest.mark.parametrize("channel", SNAPSHOTS)
def test_every_snapshot_that_cannot_be_asks_for_another(channel):
    """A crossed snapshot leaves the slot dark and says so each time: without another one it would stay dark."""
    lane = lane_of(channel)
    build = deribit if channel == DERIBIT else derive
    for sequence in (8, 9):
        rows = rows_of(lane, build(channel, sequence, [(208, 1)], [(200, 1)]))
        assert [row[1] for row in rows] == [RESUBSCRIBE]
    assert [row[1] for row in rows_of(lane, build(channel, 10, [(200, 1)], [(208, 1)]))] == [PLACE, PLACE]


def test_an_old_publication_changes_nothing():
    """A Derive book that was published before the one we hold is left alone."""
    lane = lane_of(DERIVE)
    settle(lane, lane.slot(DERIVE.encode()), rows_of(lane, SNAPSHOTS[DERIVE]))
    assert rows_of(lane, derive(DERIVE, 6, [(190, 8)], [(208, 8)])) == []
    assert lane.slot(DERIVE.encode()).book.best_bid() == 100 * NANOS


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"\x00" * 500,
        SNAPSHOTS[DERIBIT].replace(b'"type"', b'"kind"'),
        SNAPSHOTS[DERIBIT].replace(b"100.0", b'"100"'),
        SNAPSHOTS[DERIBIT][:-1],
        SNAPSHOTS[DERIBIT] + b" ",
        SNAPSHOTS[DERIVE].replace(b'"100.0"', b'"ten"'),
        SNAPSHOTS[DERIVE].replace(b'"100.0"', b'"9223372037"'),  # beyond int64 nanos
        derive(DERIVE, 7, [(price, 1) for price in range(2_000, 2_000 - CAPACITY - 1, -1)], []),  # a level too many
        b'{"jsonrpc":"2.0","id":1,"result":["book.ETH-27JUN25-2600-C.raw"],"usIn":1,"usOut":2,"usDiff":1,"testnet":true}',
    ],
)
def test_what_the_scanner_refuses_is_left_to_the_slow_path(frame):
    """A frame that is not exactly a book frame answers a status below 0, and touches no book."""
    lane = lane_of(DERIBIT, DERIVE)
    assert NO_SLOT < lane.on_frame(frame, NOW_NS) < 0
    assert all(lane.slot(channel.encode()).book.dark for channel in (DERIBIT, DERIVE))


def test_a_book_that_nobody_asked_for_is_named_so():
    """A book frame of a channel without a slot answers NO_SLOT."""
    assert lane_of(DERIVE).on_frame(SNAPSHOTS[DERIBIT], NOW_NS) == NO_SLOT


def test_the_slow_path_ends_in_the_same_rows():
    """A book that the caller filled by hand gives, once told, the rows that its frame would have given."""
    fast, slow = lane_of(DERIVE), lane_of(DERIVE)
    expected = rows_of(fast, SNAPSHOTS[DERIVE])
    slot = slow.slot(DERIVE.encode())
    apply_book(slot.book, read_book(SNAPSHOTS[DERIVE])[1], NOW_NS)
    assert as_tuples(slow.rows, slow.on_book_changed(slot, NOW_NS)) == expected


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_frame_is_read_from_any_contiguous_memory(kind):
    """bytes, bytearray and a view of either are the same frame."""
    assert lane_of(DERIVE).on_frame(kind(SNAPSHOTS[DERIVE]), NOW_NS) == 2


def test_every_slot_is_found_among_thousands():
    """2048 slots of names that differ in one character each take their own frames, and a 2049th is refused."""
    names = [f"book.ETH-27JUN25-{strike}-{kind}.raw" for strike in range(1_000, 2_024) for kind in "CP"]
    names.sort(key=lambda name: name[::-1])
    lane = lane_of(*names)
    for index, name in enumerate(names):
        rows = rows_of(lane, deribit(name, 1, [(200, 8)], [(208, 8)]), NOW_NS + index * SECOND_NS // 50)
        assert {row[0] for row in rows} <= {index}
        assert lane.slot(name.encode()).book.best_bid() == 100 * NANOS
    assert lane.slot(b"book.ETH-27JUN25-999-C.raw") is None
    with pytest.raises(ValueError, match="2048"):
        lane_of(*names, "book.X.raw")


@pytest.mark.parametrize("channel", [b"", b"x" * 65, DERIBIT.encode()])
def test_a_channel_must_be_new_and_of_fair_length(channel):
    """An empty, overlong or repeated channel is refused."""
    lane = lane_of(DERIBIT)
    with pytest.raises(ValueError, match="channel"):
        lane.add(
            channel,
            params=QuoteParams(**PARAMS),
            limits=InstrumentLimits(**LIMITS),
            keep_price_nanos=0,
            keep_size_nanos=0,
        )


def test_rows_are_the_lanes_own_memory():
    """The rows stand in one array that every call writes anew, with the fields that ROW names."""
    lane = lane_of(DERIVE)
    rows = lane.rows
    lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    assert rows is lane.rows
    assert rows.dtype == ROW
    assert rows[0]["price_nanos"] == 104 * NANOS


def test_times_before_1970_are_refused():
    """A time below zero is no time."""
    with pytest.raises(ValueError, match="time"):
        lane_of(DERIVE).on_frame(b"", -1)


KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")  # public anvil key #0
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ASSET = parse_address("0x4BB4C3CDc7562f08e9910A0C7D8bB7e108861eB4")
SUB_ID = 39614083834112546398585885568
MAX_FEE = 12 * NANOS
LIFE_S = 3_600
LEAST_S = 300
NONCE = 1_761_000_000_123_456_789
SEQUENCE = 5
TERMS = {
    "life": POST_ONLY,
    "max_fee_nanos": MAX_FEE,
    "order_life_s": LIFE_S,
    "least_life_s": LEAST_S,
    "last_s": 1 << 33,
}


def outbox_of(sequence=SEQUENCE, last_nonce=NONCE, *, allowance=10, room=65_536, writer=None, clock_ns=time.time_ns):
    """An outbox, and the memory that its journal lies in."""
    memory = bytearray(room)
    journal = Appender(HeadMemory(memory, 0), sequence)
    nonces = Nonces(unit_ns=1, per_unit=1, last=last_nonce)
    outbox = Outbox("derive", journal, nonces, writer or SocketWriter(), clock_ns)
    outbox.allowance = allowance
    return outbox, memory


def writer_of(signer=None, **changes):
    """A writer of the public test key, and the actions that it signs for."""
    signer = signer or Signer(KEY)
    modules = (parse_address("0xB8D20c2B7a1Ad2EE33Bc50eF10876eD3035b5e7b"), bytes(20))
    actions = DeriveActions(bytes(32), *modules, parse_address(OWNER), signer.address, 75_723)
    named = {"label_prefix": "mm.r1.", "nonces_as_text": True, "is_protected": True}
    return DeriveOrders(signer, actions, **named | changes), actions


def writing_lane(outbox, channel=DERIVE, **terms):
    """A lane whose Derive slot writes its orders into the outbox."""
    writer, _ = writer_of()
    lane = lane_of(channel, outbox=outbox)
    instrument = writer.add_instrument("ETH-20250627-2600-C", ASSET, SUB_ID)
    lane.slot(channel.encode()).write_with(writer, instrument, **TERMS | terms)
    return lane


def messages_of(outbox):
    """Text of each of a client's WebSocket frames."""
    frames, texts = bytes(outbox.frames[: outbox.frames_size]), []
    while frames:
        assert frames[0] == 0x81
        assert frames[1] & 0x80
        size, head = (int.from_bytes(frames[2:4]), 4) if frames[1] & 0x7F == 126 else (frames[1] & 0x7F, 2)
        assert size >= 126 or head == 2  # the shortest form that holds it (RFC 6455, section 5.2)
        mask, text = frames[head : head + 4], frames[head + 4 : head + 4 + size]
        assert len(text) == size
        texts.append(bytes(byte ^ mask[at % 4] for at, byte in enumerate(text)))
        frames = frames[head + 4 + size :]
    assert len(texts) == outbox.count
    return texts


def test_a_place_becomes_a_signed_order():
    """A row's message carries its price and size, our names for it, and a signature of exactly these by our key."""
    outbox, _ = outbox_of()
    lane = writing_lane(outbox)
    assert lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
    _, message = messages_of(outbox)
    expiry_s = NOW_NS // SECOND_NS + LIFE_S
    row = lane.rows[1]
    request_id = FIRST_REQUEST_ID + 2
    assert (row["number"], row["nonce"]) == (2, NONCE + 2)
    writer, actions = writer_of()
    writer.add_instrument("ETH-20250627-2600-C", ASSET, SUB_ID)
    names = NONCE + 2, expiry_s, 2, request_id
    assert message == bytes(writer.write(0, True, 100 * NANOS, NANOS, MAX_FEE, POST_ONLY, False, *names))
    request = json.loads(message)
    params = request["params"]
    assert (request["method"], request["id"]) == ("private/order", request_id)
    shown = [params[name] for name in ("direction", "limit_price", "amount", "label", "time_in_force")]
    assert shown == ["buy", "100", "1", "mm.r1.2", "post_only"]
    figures = [value * NANOS for value in (100 * NANOS, NANOS, MAX_FEE)]
    digest = actions.order(ASSET, SUB_ID, *figures, True, NONCE + 2, expiry_s)
    assert recover(digest, bytes.fromhex(params["signature"][2:])) == Signer(KEY).address


def test_each_order_has_the_next_names():
    """Orders leave as their rows stand, each with the next nonce, label, request id and sequence."""
    outbox, memory = outbox_of()
    lane = writing_lane(outbox)
    lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    requests = [json.loads(message) for message in messages_of(outbox)]
    assert [request["params"]["direction"] for request in requests] == ["sell", "buy"]
    assert requests[1]["id"] - requests[0]["id"] == 1
    assert [request["params"]["label"] for request in requests] == ["mm.r1.1", "mm.r1.2"]
    assert [int(request["params"]["nonce"]) - NONCE for request in requests] == [1, 2]
    assert [frame.sequence for frame in parse_frames(bytes(memory), 0, SEQUENCE)] == [5, 6]
    assert outbox.next_number() == 3
    outbox.clear()
    lane.slot(DERIVE.encode()).settle(False, 0, 0)
    lane.on_book_changed(lane.slot(DERIVE.encode()), NOW_NS)
    [request] = map(json.loads, messages_of(outbox))
    assert request["params"]["label"] == "mm.r1.4"


@pytest.mark.parametrize(("left_s", "good_s"), [(LIFE_S + 1, LIFE_S), (LIFE_S - 1, LIFE_S - 1), (LEAST_S - 1, None)])
def test_a_signature_does_not_outlive_the_contract(left_s, good_s):
    """It is good for its life, or until the contract expires if that comes before; never for less than the least."""
    now_s = NOW_NS // SECOND_NS
    outbox, _ = outbox_of()
    lane = writing_lane(outbox, last_s=now_s + left_s)
    assert lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
    expiries = {json.loads(message)["params"]["signature_expiry_sec"] - now_s for message in messages_of(outbox)}
    assert expiries == ({good_s} if good_s else set())


def test_a_replacement_names_the_order_that_rests():
    """A replacement carries what was told of the order that rests; without its nonce it is not written."""
    for nonce in (0, 1_761_000_000_000_000_001):
        outbox, memory = outbox_of()
        lane = writing_lane(outbox)
        slot = lane.slot(DERIVE.encode())
        slot.settle(True, 99 * NANOS, NANOS, nonce=nonce, label_number=41, filled_nanos=NANOS // 4)
        slot.settle(False, 104 * NANOS, NANOS)
        assert rows_of(lane, SNAPSHOTS[DERIVE]) == [(0, REPLACE, True, "OK", 100 * NANOS, NANOS)]
        assert outbox.count == bool(nonce)
        if nonce:
            [request] = map(json.loads, messages_of(outbox))
            [frame] = parse_frames(bytes(memory), 0, SEQUENCE)
            assert (request["method"], int(request["params"]["nonce_to_cancel"])) == ("private/replace", nonce)
            assert request["params"]["expected_filled_amount"] == "0.25"
            assert decode_record(frame.payload).replaces == "mm.r1.41"


def deribit_lane(outbox, channel=DERIBIT):
    """A lane whose Deribit slot writes its orders into the outbox, and its writer."""
    writer = DeribitOrders(label_prefix="mm.r1.", valid_ms=5_000, is_protected=True)
    lane = lane_of(channel, outbox=outbox)
    instrument = writer.add_instrument("ETH-20250627-2600-C", "ETH-27JUN25-2600-C")
    lane.slot(channel.encode()).write_with(writer, instrument, **TERMS)
    return lane, writer


def test_a_place_at_deribit_leaves_unsigned():
    """Its message is by the venue's name and the record in the journal by ours, both with the number of its label."""
    outbox, memory = outbox_of()
    lane, _ = deribit_lane(outbox)
    assert lane.on_frame(SNAPSHOTS[DERIBIT], NOW_NS) == 2
    requests = list(map(json.loads, messages_of(outbox)))
    assert [request["method"] for request in requests] == ["private/sell", "private/buy"]
    assert [request["id"] for request in requests] == [FIRST_REQUEST_ID + 1, FIRST_REQUEST_ID + 2]
    assert {request["params"]["instrument_name"] for request in requests} == {"ETH-27JUN25-2600-C"}
    assert [request["params"]["label"] for request in requests] == ["mm.r1.1", "mm.r1.2"]
    assert {request["params"]["valid_until"] for request in requests} == {NOW_NS // 10**6 + 5_000}
    records = [decode_record(frame.payload) for frame in parse_frames(bytes(memory), 0, SEQUENCE)]
    assert [record.client_id for record in records] == ["mm.r1.1", "mm.r1.2"]
    assert [record.nonce for record in records] == [int(nonce) for nonce in lane.rows["nonce"][:2]]
    assert {record.instrument for record in records} == {"ETH-20250627-2600-C"}
    assert [record.price_nanos for record in records] == [request["params"]["price"] * NANOS for request in requests]


@pytest.mark.parametrize("is_named", [True, False])
def test_a_replacement_at_deribit_leaves_as_a_cancel(is_named):
    """The journal has the order that is to come, the venue is told to cancel what rests; by its id or not at all."""
    outbox, memory = outbox_of()
    lane, writer = deribit_lane(outbox)
    slot = lane.slot(DERIBIT.encode())
    if is_named:
        writer.name_order(41, "ETH-77")
    slot.settle(True, 99 * NANOS, NANOS, nonce=7, label_number=41)
    slot.settle(False, 104 * NANOS, NANOS)
    assert rows_of(lane, SNAPSHOTS[DERIBIT]) == [(0, REPLACE, True, "OK", 100 * NANOS, NANOS)]
    records = [decode_record(frame.payload) for frame in parse_frames(bytes(memory), 0, SEQUENCE)]
    if is_named:
        [request] = map(json.loads, messages_of(outbox))
        assert (request["method"], request["params"]) == ("private/cancel", {"order_id": "ETH-77"})
        assert [(record.client_id, record.replaces) for record in records] == [("mm.r1.1", "mm.r1.41")]
    else:
        assert (outbox.count, outbox.last_number, lane.rows["number"][0], records) == (0, 0, 0, [])


def test_what_may_not_leave_is_a_row_and_nothing_else():
    """Without an allowance, room in the journal or in the outbox, and while its side is held, an order is not named."""
    for reason in ("allowance", "journal", "shut", "held"):
        outbox, memory = outbox_of(
            allowance=0 if reason == "allowance" else 10, room=10 if reason == "journal" else 9_999
        )
        lane = writing_lane(outbox)
        slot = lane.slot(DERIVE.encode())
        if reason == "held":
            slot.hold(True, NOW_NS + 1)
            slot.hold(False, NOW_NS + 1)
            slot.hold(False, NOW_NS)  # which does not shorten the other
        journal = Appender(HeadMemory(bytearray(9_999), 0), 1)
        if reason == "shut":
            journal.is_shut = True
            outbox = Outbox("derive", journal, Nonces(unit_ns=1, per_unit=1, last=0), SocketWriter(), time.time_ns)
            outbox.allowance = 10
            lane = writing_lane(outbox)
        assert lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
        assert (outbox.count, outbox.last_number, sum(lane.rows["number"]), any(memory)) == (0, 0, 0, False)


def test_what_did_not_fit_is_written_once_there_is_room():
    """An allowance of one writes the first row, and the rest when it is raised; a full outbox likewise, once empty."""
    outbox, memory = outbox_of(allowance=1)
    lane = writing_lane(outbox)
    lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    assert [int(number) for number in lane.rows["number"][:2]] == [1, 0]
    assert not lane.send(NOW_NS)
    assert outbox.count == 1
    outbox.allowance = 5
    assert not lane.send(NOW_NS)
    assert outbox.count == 2
    assert [int(number) for number in lane.rows["number"][:2]] == [1, 2]
    assert outbox.allowance == 4
    assert len(parse_frames(bytes(memory), 0, SEQUENCE)) == 2
    channels = [DERIVE.replace("2600", str(2600 + at)) for at in range(ORDERS)]
    outbox, _ = outbox_of(allowance=ORDERS * 2, room=ORDERS * 2_000)
    lane = lane_of(*channels, outbox=outbox, per_second=4_000)
    writer, _ = writer_of()
    for channel in channels:
        slot = lane.slot(channel.encode())
        slot.write_with(writer, writer.add_instrument(channel[:60], ASSET, SUB_ID), **TERMS)
        slot.book.apply_snapshot([(100 * NANOS, NANOS)], [(104 * NANOS, NANOS)], 1, NOW_NS, NOW_NS)
    assert lane.look(NOW_NS) == 2 * ORDERS
    first = messages_of(outbox)
    outbox.clear()
    assert not lane.send(NOW_NS)
    assert outbox.count == ORDERS
    assert len({json.loads(message)["params"]["label"] for message in first + messages_of(outbox)}) == 2 * ORDERS


def test_cancels_are_counted_and_never_written():
    """A cancel is no order of the outbox's; the lane says how many there are."""
    outbox, _ = outbox_of()
    lane = writing_lane(outbox)
    lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    assert lane.cancel_count == 0
    outbox.clear()
    lane.gate.shut()
    assert lane.look(NOW_NS) == 2
    assert (lane.cancel_count, outbox.count) == (2, 0)


def test_a_lane_without_an_outbox_gives_rows_only():
    """Nothing is signed where nothing could leave."""
    lane = writing_lane(None)
    assert lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 2
    assert lane.outbox is None
    assert lane.send(NOW_NS)


counts = st.one_of(st.integers(1, 300), st.integers(1, 2**64 - 9))
orders = st.fixed_dictionaries(
    {
        "life": st.sampled_from(LIVES),
        "prefix": st.text("abz.019", min_size=1, max_size=48),
        "nonce": counts,
        "number": counts,
        "sequence": counts,
        "price_nanos": st.integers(1, 10**9).map(lambda price: price * NANOS),
        "is_protected": st.booleans(),
    }
)


@given(orders)
def test_a_record_is_what_the_journal_would_have_written(drawn):
    """Byte for byte the frames of the records of the orders that the messages send, whatever their figures."""
    prefix, price, nonce, number = (drawn[name] for name in ("prefix", "price_nanos", "nonce", "number"))
    writer, _ = writer_of(label_prefix=prefix, is_protected=drawn["is_protected"])
    outbox, memory = outbox_of(drawn["sequence"], nonce)
    lane = lane_of(DERIVE, outbox=outbox)
    slot = lane.slot(DERIVE.encode())
    slot.write_with(writer, writer.add_instrument(prefix, ASSET, SUB_ID), **TERMS | {"life": drawn["life"]})
    slot.set_mark(price, NOW_NS)
    slot.settle(True, price + NANOS, 3 * NANOS, nonce=nonce, label_number=number)
    slot.book.apply_snapshot([(price, NANOS)], [(price + 2 * NANOS, NANOS)], 1, NOW_NS, NOW_NS)
    rows = as_tuples(lane.rows, lane.on_book_changed(slot, NOW_NS))
    assert {row[1] for row in rows} == {PLACE, REPLACE}
    expected = b""
    for at, (_, action, is_bid, _, price_nanos, amount_nanos) in enumerate(rows):
        order = OrderPlaced(
            now_ns=NOW_NS,
            venue="derive",
            client_id=f"{prefix}{at + 1}",
            nonce=max(nonce + 1, NOW_NS) + at,
            instrument=prefix,
            side=Side.BUY if is_bid else Side.SELL,
            price_nanos=price_nanos,
            amount_nanos=amount_nanos,
            time_in_force=TimeInForce(LIFE_WORDS[drawn["life"]]),
            replaces=f"{prefix}{number}" if action == REPLACE else "",
            is_protected=drawn["is_protected"],
        )
        expected += build_frame(drawn["sequence"] + at, encode_record(order))
    assert bytes(memory).rstrip(b"\0") == expected.rstrip(b"\0")
    assert not any(memory[len(expected) :])


@pytest.mark.parametrize(
    ("instrument", "terms"),
    [
        (1, {}),
        (-1, {}),
        (0, {"life": 3}),
        (0, {"life": -1}),
        (0, {"max_fee_nanos": -1}),
        (0, {"order_life_s": LEAST_S - 1}),
        (0, {"least_life_s": 0}),
        (0, {"last_s": 0}),
    ],
)
def test_a_slot_is_told_only_what_its_writer_can_write(instrument, terms):
    """An unknown instrument, another life, a negative fee or no time to be good for is refused."""
    writer, _ = writer_of()
    writer.add_instrument("ETH-20250627-2600-C", ASSET, SUB_ID)
    with pytest.raises(ValueError, match=r"instrument|life|fee|good for"):
        lane_of(DERIVE).slot(DERIVE.encode()).write_with(writer, instrument, **TERMS | terms)
