"""What a journal payload carries."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from reference.generators import KINDS, RECORDS

from atomizer.domain.trading import CancelSent, OrderPlaced, Record, Side, TimeInForce
from atomizer.errors import JournalError
from atomizer.journal.records import decode_record, encode_record


def test_generators_know_every_kind_of_record():
    """The generated records cover the whole union."""
    assert set(KINDS) == set(get_args(Record))


@given(RECORDS)
def test_a_record_comes_back_as_it_went_in(record):
    """Decoding what was encoded gives the same kind with the same values, fees of any size and NaN included."""
    decoded = decode_record(encode_record(record))
    assert type(decoded) is type(record)
    assert repr(decoded) == repr(record)  # repr, because NaN is not equal to itself


def test_a_record_that_does_not_fit_is_refused_in_words():
    """An integer beyond 64 bits that is not money is refused, and the record is named."""
    order = OrderPlaced(
        now_ns=1,
        venue="derive",
        client_id="hedger.r1.1",
        nonce=2**64,
        instrument="ETH-PERP",
        side=Side.BUY,
        price_nanos=1,
        amount_nanos=1,
        time_in_force=TimeInForce.IOC,
    )
    with pytest.raises(JournalError, match="OrderPlaced"):
        encode_record(order)


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"type": "future", "now_ns": 1})])
def test_an_unknown_record_is_refused_in_words(payload):
    """Bytes that are no record of this version are refused as such."""
    with pytest.raises(JournalError, match="not a record that this version knows"):
        decode_record(payload)


def test_fields_added_later_do_not_stop_an_older_reader():
    """A record with a field that this version does not know is read without it."""
    payload = msgspec.msgpack.encode(
        {"type": "cancel", "now_ns": 1, "venue": "derive", "client_id": "a.b.1", "why": "added later"}
    )
    assert decode_record(payload) == CancelSent(now_ns=1, venue="derive", client_id="a.b.1")
