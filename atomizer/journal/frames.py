"""Layout of a journal file, without I/O. All integers are little-endian.

```
header   "ATOMJRNL"  version u16  length u16  crc32 u32  body (MessagePack: venue, account, first sequence)
frame    length u32  sequence u64  crc32 u32  payload                                            repeated
```
A frame's checksum covers its length, its sequence and its payload; the header's covers everything else in the header.
Sequences start at 1 and rise by one, from one file of a journal to the next. Version 1 had no first sequence, which was
always 1; it is read, and continued as it is.
"""

import struct
from typing import NamedTuple
from zlib import crc32

import msgspec

from atomizer.errors import JournalError

VERSION = 2
READABLE = (1, 2)
MAX_PAYLOAD = 1 << 20  # a longer record is a mistake, and a longer length is damage
FIRST_SEQUENCE = 1

_MAGIC = b"ATOMJRNL"
_PREFIX = struct.Struct("<8sHH")  # of the header, up to its checksum
_ADDRESS = struct.Struct("<IQ")  # of a frame, up to its checksum
_CHECKSUM = struct.Struct("<I")
_HEADER_BYTES = _PREFIX.size + _CHECKSUM.size
FRAME_BYTES = _ADDRESS.size + _CHECKSUM.size
MAX_HEADER_BYTES = _HEADER_BYTES + 0xFFFF


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """Whose book of account a file is: the venue's name, and the account (never a secret) as the venue names it."""

    venue: str
    account: str

    def __str__(self) -> str:
        return f"{self.account} at {self.venue}"


class _Body(msgspec.Struct, frozen=True, array_like=True):
    venue: str
    account: str
    first_sequence: int = FIRST_SEQUENCE


class Header(NamedTuple):
    version: int
    identity: Identity
    first_sequence: int  # of the records in this file
    size: int  # bytes; the first frame starts there


class Frame(NamedTuple):
    offset: int  # in the file
    sequence: int
    payload: bytes


def build_header(identity: Identity, first_sequence: int = FIRST_SEQUENCE) -> bytes:
    body = msgspec.msgpack.encode(_Body(identity.venue, identity.account, first_sequence))
    prefix = _PREFIX.pack(_MAGIC, VERSION, len(body))
    return prefix + _CHECKSUM.pack(crc32(body, crc32(prefix))) + body


def parse_header(data: bytes) -> Header:
    """Header at the start of a file.

    Raises:
        JournalError: not a journal, of another version, or damaged.
    """
    if not data.startswith(_MAGIC):
        raise JournalError(f"not a journal: it starts with {data[: len(_MAGIC)]!r}")
    if len(data) < _HEADER_BYTES:
        raise JournalError(f"the header is cut off after {len(data)} bytes")
    _, version, length = _PREFIX.unpack_from(data)
    if version not in READABLE:
        raise JournalError(
            f"format version {version} is unknown here, which reads up to version {VERSION}: use a newer atomizer"
        )
    body = data[_HEADER_BYTES : _HEADER_BYTES + length]
    (checksum,) = _CHECKSUM.unpack_from(data, _PREFIX.size)
    if crc32(body, crc32(data[: _PREFIX.size])) != checksum:
        raise JournalError("the header is damaged: its checksum does not match")
    try:
        venue, account, first_sequence = msgspec.structs.astuple(msgspec.msgpack.decode(body, type=_Body))
    except msgspec.DecodeError as error:
        raise JournalError(f"the header names no account: {error}") from error
    return Header(version, Identity(venue, account), first_sequence, _HEADER_BYTES + length)


def build_frame(sequence: int, payload: bytes) -> bytes:
    address = _ADDRESS.pack(len(payload), sequence)
    return address + _CHECKSUM.pack(crc32(payload, crc32(address))) + payload


def parse_frames(data: bytes, offset: int, sequence: int) -> list[Frame]:
    """Intact frames at the start of `data`, which lies at `offset` in the file; the first is due to carry `sequence`.

    Ends at the first frame that is incomplete or damaged.

    Raises:
        JournalError: an intact frame whose sequence is not the one due: records before it are missing.
    """
    frames: list[Frame] = []
    position = 0
    while (frame := _frame_at(data, position)) is not None:
        found, payload = frame
        if found != sequence:
            raise JournalError(
                f"record {found} stands at offset {offset + position}, where record {sequence} was due: "
                "records are missing"
            )
        frames.append(Frame(offset + position, found, payload))
        position += FRAME_BYTES + len(payload)
        sequence += 1
    return frames


def find_frame(data: bytes, sequence: int) -> int:
    """Where the first intact frame in `data` starts that carries `sequence` or a later one; -1 when there is none."""
    end = min(len(data) - FRAME_BYTES + 1, len(data.rstrip(b"\0")))  # no frame begins with zeros, and they may be many
    for position in range(end):
        frame = _frame_at(data, position)
        if frame is not None and frame[0] >= sequence:
            return position
    return -1


def _frame_at(data: bytes, position: int) -> tuple[int, bytes] | None:
    """Sequence and payload of the intact frame that starts at `position`, if one does."""
    start = position + FRAME_BYTES
    if start > len(data):
        return None
    length, sequence = _ADDRESS.unpack_from(data, position)
    if not 0 < length <= MAX_PAYLOAD or start + length > len(data):
        return None
    payload = data[start : start + length]
    (checksum,) = _CHECKSUM.unpack_from(data, position + _ADDRESS.size)
    if crc32(payload, crc32(data[position : position + _ADDRESS.size])) != checksum:
        return None
    return sequence, payload
