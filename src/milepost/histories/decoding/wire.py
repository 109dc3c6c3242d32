"""Protobuf's wire format, as far as logs need it: https://protobuf.dev/programming-guides/encoding."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

MAX_VARINT_BYTES = 10


class WireError(ValueError):
    """Bytes that are no protobuf message."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned number at a place, and where it ends.

    Raises:
        WireError: There is none.
    """
    number = shift = 0
    for place in range(at, min(at + MAX_VARINT_BYTES, len(data))):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, place + 1
        shift += 7
    raise WireError("a number without an end")


def signed(number: int) -> int:
    """Return what a varint means as an int64."""
    return number - 2**64 if number >= 2**63 else number


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Yield the fields of a message: number, wire type, and where its value starts and ends.

    Of a varint, the start is the value itself.

    Raises:
        WireError: It is no message, after what of it is one.
    """
    end = len(data) if end is None else end
    while start < end:
        key = data[start]
        if key < 0x80:
            start += 1
        else:
            key, start = varint(data, start)
        kind = key & 7
        if kind == VARINT:
            value, start = varint(data, start)
            yield key >> 3, kind, value, start
            continue
        if kind == BYTES:
            length, start = varint(data, start)
        elif kind == FIXED64:
            length = 8
        elif kind == FIXED32:
            length = 4
        else:
            raise WireError(f"a field of wire type {kind}")
        if length > end - start:
            raise WireError("a field that is longer than its message")
        yield key >> 3, kind, start, start + length
        start += length
