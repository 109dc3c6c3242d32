"""TensorFlow's tensors of one number: ``tensor.proto``, ``types.proto`` of https://github.com/tensorflow/tensorflow."""

import math
import struct
from collections.abc import Callable

from milepost.histories.decoding.wire import BYTES, FIXED32, FIXED64, VARINT, fields, signed, varint

DTYPE, CONTENT, FLOATS, DOUBLES, INTS, INT64S, BOOLS, HALVES, UINT32S, UINT64S = 1, 4, 5, 6, 7, 10, 11, 13, 16, 17

FORMATS = {
    1: "<f",  # DT_FLOAT
    2: "<d",  # DT_DOUBLE
    3: "<i",  # DT_INT32
    4: "<B",  # DT_UINT8
    5: "<h",  # DT_INT16
    6: "<b",  # DT_INT8
    9: "<q",  # DT_INT64
    10: "<?",  # DT_BOOL
    17: "<H",  # DT_UINT16
    19: "<e",  # DT_HALF
    22: "<I",  # DT_UINT32
    23: "<Q",  # DT_UINT64
}
BFLOAT16 = 14
HALF = 19

PACKED: dict[int, Callable[[bytes, int], float]] = {
    FLOATS: lambda data, at: struct.unpack_from("<f", data, at)[0],
    DOUBLES: lambda data, at: struct.unpack_from("<d", data, at)[0],
    INTS: lambda data, at: signed(varint(data, at)[0]),
    INT64S: lambda data, at: signed(varint(data, at)[0]),
    BOOLS: lambda data, at: varint(data, at)[0],
    UINT32S: lambda data, at: varint(data, at)[0],
    UINT64S: lambda data, at: varint(data, at)[0],
}


def number_of(data: bytes, start: int, end: int) -> float | None:
    """Return the number that a tensor holds; None where it holds none, or several.

    Raises:
        WireError: It is no tensor.
    """
    dtype = 0
    content: tuple[int, int] | None = None
    values: list[float] = []
    for field, kind, at, stop in fields(data, start, end):
        if field == DTYPE and kind == VARINT:
            dtype = at
        elif field == CONTENT and kind == BYTES:
            content = at, stop
        elif field == HALVES and kind == BYTES and stop > at:
            bits = varint(data, at)[0]
            values.append(_half(bits, dtype) if varint(data, at)[1] == stop else math.nan)
            if varint(data, at)[1] != stop:
                return None
        elif field in PACKED and kind == BYTES and stop > at:
            if not _is_one(data, at, stop, field):
                return None
            values.append(PACKED[field](data, at))
        elif field in PACKED and kind in (FIXED32, FIXED64):
            values.append(PACKED[field](data, at))
        elif field in PACKED and kind == VARINT:
            values.append(signed(at))
    if content is not None and content[1] > content[0]:
        return _of_content(data[content[0] : content[1]], dtype)
    return float(values[0]) if len(values) == 1 else None


def _is_one(data: bytes, at: int, stop: int, field: int) -> bool:
    if field in (FLOATS, DOUBLES):
        return stop - at == (4 if field == FLOATS else 8)
    return varint(data, at)[1] == stop


def _half(bits: int, dtype: int) -> float:
    if dtype == BFLOAT16:
        return float(struct.unpack("<f", struct.pack("<I", (bits & 0xFFFF) << 16))[0])
    return float(struct.unpack("<e", struct.pack("<H", bits & 0xFFFF))[0])


def _of_content(content: bytes, dtype: int) -> float | None:
    if dtype == BFLOAT16 and len(content) == 2:
        return _half(int.from_bytes(content, "little"), dtype)
    form = FORMATS.get(dtype)
    if form is None or struct.calcsize(form) != len(content):
        return None
    return float(struct.unpack(form, content)[0])
