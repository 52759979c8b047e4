"""Payload of a journal frame: one domain record as MessagePack, tagged with its kind."""

import msgspec

from atomizer.domain.trading import Fill, FundingPaid, Record
from atomizer.errors import JournalError

_encoder = msgspec.msgpack.Encoder()
# Lax, because it reads the text that `encode_record` writes for money back into integers of any size.
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record, strict=False)


def encode_record(record: Record) -> bytes:
    """One record as bytes.

    Raises:
        JournalError: a field does not fit (an integer that is not money beyond 64 bits, or a value of another type).
    """
    try:
        if isinstance(record, Fill):
            return _encode_money(record, "fee_e18", record.fee_e18)
        if isinstance(record, FundingPaid):
            return _encode_money(record, "amount_e18", record.amount_e18)
        return _encoder.encode(record)
    except (OverflowError, TypeError, UnicodeEncodeError) as error:
        raise JournalError(f"cannot write {type(record).__name__}: {error}") from error


def decode_record(payload: bytes) -> Record:
    """The record that `encode_record` wrote.

    Raises:
        JournalError: no record that this version knows.
    """
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise JournalError(f"not a record that this version knows: {error}") from error


def _encode_money(record: Record, field: str, money_e18: int) -> bytes:
    # MessagePack integers end at 64 bits, which in 10⁻¹⁸ USD is eighteen dollars: money travels as text.
    fields = msgspec.structs.asdict(record)
    fields[field] = str(money_e18)
    return _encoder.encode({"type": record.__struct_config__.tag, **fields})
