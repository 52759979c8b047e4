"""The fused path, rule by rule: what a frame leads to, and what becomes of a row."""

import json

import pytest

from atomizer._core.book import CAPACITY
from atomizer._core.ecdsa import Signer, parse_address, recover
from atomizer._core.eip712 import DeriveActions
from atomizer._core.fixed import NANOS
from atomizer._core.frame import POST_ONLY, OrderWriter
from atomizer._core.gate import Gate, InstrumentLimits
from atomizer._core.lane import CANCEL, NO_SLOT, PLACE, REPLACE, RESUBSCRIBE, ROW, Lane
from atomizer._core.quote import QuoteParams
from tests.reference.book_frames import DERIBIT, DERIVE, SNAPSHOTS, deribit, derive
from tests.reference.reference_lane import LIMITS, PARAMS, apply_book, read_book
from tests.reference.reference_slot import as_tuples

NOW_NS = 1_750_000_000 * NANOS
SECOND_NS = 10**9


def lane_of(*channels, per_second=100):
    lane = Lane(Gate(per_second))
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
NAMES = {"nonce": 1_761_000_000_123_456_789, "expiry_s": 1_761_003_600, "label_number": 42, "request_id": 7}


def writing_lane():
    """A lane whose Derive slot writes its orders, that writer, and the actions it signs for."""
    signer = Signer(KEY)
    modules = (parse_address("0xB8D20c2B7a1Ad2EE33Bc50eF10876eD3035b5e7b"), bytes(20))
    actions = DeriveActions(bytes(32), *modules, parse_address(OWNER), signer.address, 75_723)
    writer = OrderWriter(signer, actions, label_prefix="mm.r1.", nonces_as_text=True)
    lane = lane_of(DERIVE)
    instrument = writer.add_instrument("ETH-20250627-2600-C", ASSET, SUB_ID)
    lane.slot(DERIVE.encode()).write_with(writer, instrument, POST_ONLY, MAX_FEE)
    return lane, writer, actions


def test_a_place_becomes_a_signed_order():
    """A row's message carries its price and size, our names for it, and a signature of exactly these by our key."""
    lane, writer, actions = writing_lane()
    lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    message = bytes(lane.build_order(1, **NAMES))
    assert message == bytes(writer.write(0, True, 100 * NANOS, NANOS, MAX_FEE, POST_ONLY, False, *NAMES.values()))
    request = json.loads(message)
    params = request["params"]
    assert (request["method"], request["id"]) == ("private/order", 7)
    shown = [params[name] for name in ("direction", "limit_price", "amount", "label", "time_in_force")]
    assert shown == ["buy", "100", "1", "mm.r1.42", "post_only"]
    figures = [value * NANOS for value in (100 * NANOS, NANOS, MAX_FEE)]
    digest = actions.order(ASSET, SUB_ID, *figures, True, NAMES["nonce"], NAMES["expiry_s"])
    assert recover(digest, bytes.fromhex(params["signature"][2:])) == Signer(KEY).address


def test_a_replacement_names_the_order_that_rests():
    """A replacement carries the nonce that was told with what rests; without one it is not written."""
    lane, _, _ = writing_lane()
    slot = lane.slot(DERIVE.encode())
    for nonce in (0, 1_761_000_000_000_000_001):
        slot.settle(True, 99 * NANOS, NANOS, nonce)
        slot.settle(False, 104 * NANOS, NANOS)
        slot.book.sequence = 0
        assert lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS) == 1
        if nonce:
            request = json.loads(bytes(lane.build_order(0, **NAMES)))
            assert (request["method"], int(request["params"]["nonce_to_cancel"])) == ("private/replace", nonce)
        else:
            with pytest.raises(ValueError, match="nonce"):
                lane.build_order(0, **NAMES)


def test_only_orders_of_the_last_call_are_written():
    """A cancel is no order, a slot without a writer has none, and rows of an earlier call are gone."""
    lane, _, _ = writing_lane()
    lane.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    for row in (-1, 2):
        with pytest.raises(IndexError):
            lane.build_order(row, **NAMES)
    lane.gate.shut()
    lane.look(NOW_NS)
    with pytest.raises(ValueError, match="no order"):
        lane.build_order(0, **NAMES)
    lane.on_frame(b"", NOW_NS)
    with pytest.raises(IndexError):
        lane.build_order(0, **NAMES)
    silent = lane_of(DERIVE)
    silent.on_frame(SNAPSHOTS[DERIVE], NOW_NS)
    with pytest.raises(ValueError, match="no writer"):
        silent.build_order(0, **NAMES)


@pytest.mark.parametrize(
    "arguments", [(1, POST_ONLY, 0), (-1, POST_ONLY, 0), (0, 3, 0), (0, -1, 0), (0, POST_ONLY, -1)]
)
def test_a_slot_is_told_only_what_its_writer_can_write(arguments):
    """An unknown instrument, another life or a negative fee is refused."""
    lane, writer, _ = writing_lane()
    with pytest.raises(ValueError, match=r"instrument|life|fee"):
        lane.slot(DERIVE.encode()).write_with(writer, *arguments)
