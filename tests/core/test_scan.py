"""The book scanners against a slow reader: what they read is read there to the same book."""

import ctypes
import gzip
import json
import mmap
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atomizer._core.book import CAPACITY, Book
from atomizer._core.scan import INSTRUCTION_SETS, STATUSES, UNREAD, channel_of, read_book, use_instructions
from tests.reference.reference_scan import orjson_levels, slow_scan

CAPTURES = Path(__file__).parents[3] / "shared" / "data"
NOW_NS = 7
NANOS = 10**9
TIME_MS = 1_772_624_842_966
DERIVE = (
    b'{"method":"subscription","params":{"channel":"orderbook.BTC-20260305-69500-P.10.10","data":{"timestamp":'
    b'1772624842966,"instrument_name":"BTC-20260305-69500-P","publish_id":56593,"bids":[["340","0.4"],["320","1"],'
    b'["280","0.70343"]],"asks":[["420","0.4"],["520","0.70343"]]}}}'
)
SNAPSHOT = (
    b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-9APR21-1950-C.raw","data":{"type":'
    b'"snapshot","timestamp":1617644854288,"instrument_name":"ETH-9APR21-1950-C","change_id":8973366012,"bids":'
    b'[["new",0.0795,4.0],["new",0.079,4.0]],"asks":[["new",0.0945,5.0],["new",0.095,1.0],["new",0.3,1.0]]}}}'
)
CHANGE = (
    b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.ETH-9APR21-1950-C.raw","data":{"type":'
    b'"change","timestamp":1617644858339,"prev_change_id":8973366012,"instrument_name":"ETH-9APR21-1950-C",'
    b'"change_id":8973367846,"bids":[["delete",0.0795,0.0],["new",0.078,299.0]],"asks":[["change",0.095,2.5]]}}}'
)


class Fenced:
    """Memory between two pages that nobody may touch: a byte read outside of a frame ends the process."""

    SIZE = 64 * mmap.PAGESIZE

    def __init__(self):
        self._pages = mmap.mmap(-1, self.SIZE + 2 * mmap.PAGESIZE)
        self._start = mmap.PAGESIZE
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for fence in (address, address + mmap.PAGESIZE + self.SIZE):
            assert protect(fence, mmap.PAGESIZE, mmap.PROT_NONE if hasattr(mmap, "PROT_NONE") else 0) == 0

    def at_the_end(self, frame):
        return self._put(self._start + self.SIZE - len(frame), frame)

    def at_the_start(self, frame):
        return self._put(self._start, frame)

    def _put(self, at, frame):
        view = memoryview(self._pages)[at : at + len(frame)]
        view[:] = frame
        return view


FENCED = Fenced()


def state(book):
    return book.dark, book.sequence, book.venue_time_ns, book.received_ns, book.levels(True), book.levels(False)


def book_at(sequence, *, dark=False):
    """A book of sequence `sequence`, bright unless said."""
    book = Book()
    if sequence:
        book.apply_snapshot([(79 * NANOS // 1000, NANOS)], [(96 * NANOS // 1000, NANOS)], sequence, 1, 2)
    if dark:
        book.darken()
    return book


starts = st.sampled_from([(0, False), (56_592, False), (56_593, False), (8_973_366_012, False), (8_973_366_012, True)])


def readings(frame, start):
    """Status and book by every set of instructions, from either end of fenced memory; the fastest set comes last."""
    sequence, dark = start
    for name in INSTRUCTION_SETS:
        use_instructions(name)
        for put in (FENCED.at_the_end, FENCED.at_the_start):
            book = book_at(sequence, dark=dark)
            yield read_book(put(frame), book, NOW_NS), book


def scanned(frame, start=(0, False)):
    """The status in words and the book; the same by all instructions, and held against the slow way."""
    slow = book_at(start[0], dark=start[1])
    before = state(slow)
    (status, book), *others = readings(frame, start)
    assert [(other, state(read)) for other, read in others] == [(status, state(book))] * len(others)
    if status >= UNREAD:
        assert state(book) == before
    else:
        assert STATUSES[status] == slow_scan(frame, slow, NOW_NS)
        assert state(book) == state(slow)
    return STATUSES[status], book


# --- frames as the venues write them


def envelope(channel, data, *, versioned=True):
    head = {"jsonrpc": "2.0"} if versioned else {}
    message = {**head, "method": "subscription", "params": {"channel": channel, "data": data}}
    return json.dumps(message, separators=(",", ":")).encode()


def shuffled(draw, data):
    return dict(draw(st.permutations(list(data.items()))))


def text_of(nanos):
    whole, part = divmod(nanos, NANOS)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")


amounts = st.one_of(
    st.integers(1, 99_999_999).map(lambda cents: cents * NANOS // 100),
    st.integers(1, 2**63 - 1),
    st.integers(1, 9_000_000_000).map(lambda whole: whole * NANOS),
)


@st.composite
def derive_frames(draw):
    ladder = sorted(draw(st.sets(amounts, max_size=40)))
    cut = draw(st.integers(0, len(ladder)))
    sides = {"bids": ladder[:cut][::-1], "asks": ladder[cut:]}
    data = {
        "timestamp": draw(st.integers(1_577_836_800_000, 4_102_444_799_999)),
        "instrument_name": "ETH-20260305-2400-P",
        "publish_id": draw(st.one_of(st.integers(1, 2**63 - 1), st.integers(1, 99_999))),
        **{side: [[text_of(price), text_of(draw(amounts))] for price in prices] for side, prices in sides.items()},
    }
    return envelope("orderbook.ETH-20260305-2400-P.1.20", shuffled(draw, data), versioned=draw(st.booleans()))


# What a double keeps, printed as venues print doubles: 0.0795, 4.0, 1e-05.
doubles = st.builds(
    lambda digits, power: float(f"{digits}e-{power}"), st.integers(1, 999_999_999_999), st.integers(0, 9)
)
plain_doubles = doubles.filter(lambda value: value < 9_000_000_000)


@st.composite
def deribit_frames(draw):
    is_snapshot = draw(st.booleans())
    ladder = sorted(draw(st.sets(plain_doubles, max_size=24)))
    cut = draw(st.integers(0, len(ladder)))
    actions = st.sampled_from(["new"] if is_snapshot else ["new", "change", "delete"])

    def level(price):
        action = draw(actions)
        return [action, price, 0.0 if action == "delete" else draw(plain_doubles)]

    data = {
        "type": "snapshot" if is_snapshot else "change",
        "timestamp": TIME_MS,
        "instrument_name": "ETH-9APR21-1950-C",
    }
    if not is_snapshot:
        data["prev_change_id"] = draw(st.sampled_from([8_973_366_012, 1]))
    elif draw(st.booleans()):
        data["prev_change_id"] = None
    data["change_id"] = draw(st.integers(0, 2**63 - 1))
    data["bids"] = [level(price) for price in reversed(ladder[:cut])]
    data["asks"] = [level(price) for price in ladder[cut:]]
    interval = draw(st.sampled_from(["raw", "100ms", "agg2"]))
    return envelope(f"book.ETH-9APR21-1950-C.{interval}", shuffled(draw, data))


@settings(deadline=None)
@given(derive_frames(), starts)
def test_derive_snapshots_become_the_book(frame, start):
    """A Derive frame in any order of its keys is read, and the book is what orjson and the slow way make of it."""
    status, book = scanned(frame, start)
    assert status in {"applied", "old"}
    if status == "applied":
        assert [book.levels(True), book.levels(False)] == orjson_levels(frame)


@settings(deadline=None)
@given(deribit_frames(), starts)
def test_deribit_frames_become_the_book(frame, start):
    """A Deribit snapshot or change in any order of its keys is read: never back to the slow way."""
    status, book = scanned(frame, start)
    assert STATUSES.index(status) < UNREAD
    if b'"type":"snapshot"' in frame:
        assert status == "applied"
        assert [book.levels(True), book.levels(False)] == orjson_levels(frame)


def captured():
    for path in sorted((CAPTURES / "deribit_ws").glob("cryptofeed_*.gz")):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                if '"method":"subscription"' in line:
                    yield line[line.index('{"') :].strip().encode()


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures are not here")
def test_a_real_session_is_read_to_the_last_frame():
    """Two captured Deribit sessions: each book frame is read, none breaks its chain, and all else is no book."""
    books = {}
    counts = {"applied": 0, "unread": 0}
    for frame in captured():
        channel = channel_of(frame)
        book, slow = books.setdefault(channel, (Book(), Book()))
        status = STATUSES[read_book(FENCED.at_the_end(frame), book, NOW_NS)]
        assert status == ("unread" if channel is None else slow_scan(frame, slow, NOW_NS))
        assert state(book) == state(slow)
        assert (channel is None) == (b'"channel":"book.' not in frame)
        counts[status] += 1
    assert counts == {"applied": 243, "unread": 365}


# --- frames that nobody should send


def changed(draw, frame):
    """A few bytes of the frame struck out, doubled, replaced or put in."""
    frame = bytearray(frame)
    pieces = st.sampled_from(
        [b",", b'"', b"]", b"[", b".", b"0", b"9", b"-", b"e5", b"}", b"\\", b" ", b"\x00", b"\xff"]
    )
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(frame)))
        until = min(len(frame), at + draw(st.sampled_from([0, 1, 1, 2, 9, 30])))
        kept = bytes(frame[at:until])
        frame[at:until] = draw(st.one_of(pieces, st.just(b""), st.just(kept + kept), st.binary(max_size=3)))
    return bytes(frame)


@st.composite
def spoilt_frames(draw):
    frame = draw(st.one_of(st.sampled_from([DERIVE, SNAPSHOT, CHANGE]), derive_frames(), deribit_frames()))
    return changed(draw, frame)


@settings(deadline=None, max_examples=1_500)
@given(spoilt_frames(), starts)
def test_a_spoilt_frame_is_left_alone_or_read_as_the_slow_way_does(frame, start):
    """Whatever happened to a frame's bytes: it is not read, or read to the book that the slow way makes of it."""
    scanned(frame, start)


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["340", "0.4", "new", "delete", 0.5, 4, TIME_MS]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([DERIVE, SNAPSHOT, CHANGE]), st.data(), starts)
def test_values_of_another_kind_are_not_read(frame, data, start):
    """Any JSON at all in the place of a value: not read, or read as the slow way does."""
    message = json.loads(frame)
    inside = message["params"]["data"]
    for key in data.draw(st.sets(st.sampled_from(sorted(inside)), min_size=1, max_size=2)):
        if inside[key] and isinstance(inside[key], list) and data.draw(st.booleans()):
            level = data.draw(st.sampled_from(inside[key]))
            level[data.draw(st.integers(0, len(level) - 1))] = data.draw(values)
        else:
            inside[key] = data.draw(values)
    scanned(json.dumps(message, separators=(",", ":")).encode(), start)


@pytest.mark.parametrize("frame", [DERIVE, SNAPSHOT, CHANGE], ids=["derive", "snapshot", "change"])
def test_a_frame_that_was_cut_is_truncated(frame):
    """Every beginning of a frame that reaches into its data is truncated; with a byte behind its end it is trailing."""
    data = frame.index(b'"data":{') + 24
    assert {scanned(frame[:cut])[0] for cut in range(data)} == {"unread", "truncated"}
    assert {scanned(frame[:cut])[0] for cut in range(data, len(frame) - 3)} == {"truncated"}
    assert scanned(frame + b"\n")[0] == "trailing"


def with_data(frame, **changes):
    message = json.loads(frame)
    message["params"]["data"] |= changes
    return json.dumps(message, separators=(",", ":")).encode()


def replaced(frame, old, new):
    assert frame.count(old) >= 1
    return frame.replace(old, new, 1)


REFUSED = {
    "an escape in a number": (replaced(DERIVE, b'"340"', b'"34\\u0030"'), "bad_value"),
    "a number where text must be": (replaced(DERIVE, b'"340"', b"340"), "bad_value"),
    "text where a number must be": (replaced(SNAPSHOT, b"0.0795", b'"0.0795"'), "bad_value"),
    "an exponent in text": (replaced(DERIVE, b'"340"', b'"3e2"'), "bad_value"),
    "NaN": (replaced(SNAPSHOT, b"0.0795", b"NaN"), "bad_value"),
    "a leading zero": (replaced(SNAPSHOT, b"0.0795", b"00.0795"), "bad_value"),
    "a bare point": (replaced(SNAPSHOT, b"0.0795", b".0795"), "bad_value"),
    "no decimals": (replaced(DERIVE, b'"0.4"', b'"0."'), "bad_value"),
    "two points": (replaced(DERIVE, b'"0.4"', b'"0.4.1"'), "bad_value"),
    "nothing": (replaced(DERIVE, b'"0.4"', b'""'), "bad_value"),
    "a blank": (replaced(DERIVE, b'"bids":[', b'"bids": ['), "bad_value"),
    "a third number": (replaced(DERIVE, b'"0.4"', b'"0.4","1"'), "bad_value"),
    "an unknown action": (replaced(CHANGE, b'"new"', b'"mew"'), "bad_value"),
    "a change in a snapshot": (replaced(SNAPSHOT, b'"new"', b'"change"'), "bad_value"),
    "a deletion of something": (replaced(CHANGE, b"0.0795,0.0", b"0.0795,1.0"), "bad_value"),
    "something new of no size": (replaced(CHANGE, b"299.0", b"0.0"), "bad_value"),
    "a tenth decimal": (replaced(DERIVE, b'"0.4"', b'"0.4000000001"'), "too_precise"),
    "a tenth decimal by exponent": (replaced(SNAPSHOT, b"0.0795", b"1e-10"), "too_precise"),
    "more digits than a double keeps": (replaced(SNAPSHOT, b"0.0795", b"1234567.123456789"), "too_precise"),
    "more than int64 nanos": (replaced(DERIVE, b'"340"', b'"9223372037"'), "too_large"),
    "more than int64 nanos by exponent": (replaced(SNAPSHOT, b"0.0795", b"1e10"), "too_large"),
    "a time before 2020": (with_data(DERIVE, timestamp=1_577_836_799_999), "out_of_range"),
    "a time in seconds": (with_data(CHANGE, timestamp=1_617_644_858), "out_of_range"),
    "an id beyond int64": (with_data(DERIVE, publish_id=2**63), "out_of_range"),
    "an id of twenty digits": (with_data(DERIVE, publish_id=10**19), "out_of_range"),
    "an id of twenty nines": (with_data(DERIVE, publish_id=10**20 - 1), "out_of_range"),
    "an id with a leading zero": (replaced(DERIVE, b":56593", b":056593"), "bad_value"),
    "a negative id": (with_data(CHANGE, change_id=-1), "bad_value"),
    "an unknown key": (with_data(DERIVE, checksum=1), "unknown_key"),
    "a key of the other venue": (with_data(DERIVE, change_id=1), "unknown_key"),
    "a repeated key": (replaced(DERIVE, b'"timestamp"', b'"publish_id":1,"timestamp"'), "repeated_key"),
    "an unchained change": (with_data(CHANGE, prev_change_id=None), "missing_key"),
    "a level too many": (with_data(DERIVE, bids=[[str(600 - n), "1"] for n in range(CAPACITY + 1)]), "too_many_levels"),
}


@pytest.mark.parametrize(("frame", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_has_a_name(frame, status):
    """Everything unexpected has its status, and leaves the book as it was."""
    assert scanned(frame, (8_973_366_012, False))[0] == status


@pytest.mark.parametrize("frame", [DERIVE, SNAPSHOT, CHANGE], ids=["derive", "snapshot", "change"])
def test_a_missing_key_is_missed(frame):
    """No key but the instrument's name can be left out."""
    for key in json.loads(frame)["params"]["data"]:
        message = json.loads(frame)
        del message["params"]["data"][key]
        status, _ = scanned(json.dumps(message, separators=(",", ":")).encode(), (8_973_366_012, False))
        expected = {"instrument_name": {"applied", "old"}}.get(key, {"missing_key"})
        assert status in expected


@pytest.mark.parametrize(
    ("frame", "start", "status"),
    [
        (DERIVE, (56_592, False), "applied"),
        (DERIVE, (56_593, False), "old"),
        (DERIVE, (56_593, True), "old"),
        (with_data(DERIVE, publish_id=0), (0, False), "applied"),
        (with_data(DERIVE, bids=[["430", "1"]]), (1, False), "bad_levels"),
        (with_data(DERIVE, bids=[["3", "1"], ["4", "1"]]), (1, False), "bad_levels"),
        (with_data(DERIVE, bids=[["3", "0"]]), (1, False), "bad_levels"),
        (with_data(DERIVE, bids=[["3", "-1"]]), (1, False), "bad_levels"),
        (SNAPSHOT, (8_973_366_013, True), "applied"),
        (CHANGE, (8_973_366_012, False), "applied"),
        (CHANGE, (8_973_366_011, False), "gap"),
        (CHANGE, (8_973_366_012, True), "no_snapshot"),
        (with_data(CHANGE, bids=[["new", 0.097, 1.0]]), (8_973_366_012, False), "bad_levels"),
        (with_data(CHANGE, bids=[["new", 0.0, 1.0]]), (8_973_366_012, False), "bad_levels"),
    ],
)
def test_the_book_follows_its_sequence(frame, start, status):
    """Older snapshots change nothing; a gap, a crossing or an impossible level darkens; only a snapshot brightens."""
    found, book = scanned(frame, start)
    assert found == status
    assert book.dark == (status in {"gap", "bad_levels", "no_snapshot"} or (start[1] and status == "old"))


def test_a_side_holds_its_capacity():
    """A side may be full, and a change to a full side darkens the book."""
    levels = [["new", 1000.0 - n, 1.0] for n in range(CAPACITY)]
    status, book = scanned(with_data(SNAPSHOT, bids=levels, asks=[]))
    assert (status, book.bid_count) == ("applied", CAPACITY)
    more = with_data(CHANGE, bids=[["new", 0.5, 1.0]], asks=[])
    assert STATUSES[read_book(more, book, NOW_NS)] == "bad_levels"
    assert book.dark


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b'{"id":1,"result":"ok"}',
        replaced(DERIVE, b"orderbook.", b"ticker_slim."),
        replaced(DERIVE, b"BTC", b"B\\u0054C"),
        replaced(DERIVE, b"BTC", b"B C"),
        replaced(DERIVE, b"BTC", "BŦC".encode()),
        replaced(DERIVE, b'"data":{', b'"data":['),
        replaced(DERIVE, b'{"method"', b'{ "method"'),
    ],
)
def test_other_frames_are_no_books(frame):
    """An envelope or a channel that we do not know by sight has no channel here, and touches no book."""
    status, _ = scanned(frame)
    assert (status, channel_of(frame)) == ("unread", None)


def test_a_channel_is_found():
    """A book frame names its channel."""
    assert channel_of(DERIVE) == "orderbook.BTC-20260305-69500-P.10.10"
    assert channel_of(memoryview(bytearray(CHANGE))) == "book.ETH-9APR21-1950-C.raw"


@given(st.binary(max_size=200))
@example(DERIVE[:62])
def test_any_bytes_at_all(frame):
    """No bytes do harm."""
    scanned(frame)
    channel_of(frame)


def test_only_what_the_machine_has_can_be_used():
    """Instructions are those of this machine, every machine can do without any, and an unknown name is refused."""
    assert INSTRUCTION_SETS[0] == "bytewise"
    with pytest.raises(ValueError, match="no 'mmx' instructions"):
        use_instructions("mmx")
