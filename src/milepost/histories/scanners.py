"""Scanners of binary logs, compiled. Imported only where there is enough to scan: see `compiler`.

They take what is usual and leave the rest, record by record, to the readers in Python: what is broken, cut short or
rare. So they raise nothing, and nothing is decided here that the readers decide otherwise.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from milepost.histories.compiler import compiled
from milepost.histories.event import (
    FILE_VERSION,
    METADATA,
    SESSION_LOG,
    SIMPLE_VALUE,
    STEP,
    SUMMARY,
    TAG,
    TENSOR,
    VALUE,
    WALL_TIME,
)
from milepost.histories.tensors import CONTENT, DOUBLES, DTYPE, FLOATS
from milepost.histories.checksums import MASK_DELTA
from milepost.histories.tfrecord import FOOTER_BYTES, HEADER_BYTES
from milepost.histories.wire import BYTES, FIXED32, FIXED64, MAX_VARINT_BYTES, VARINT

NOTHING, UNUSUAL = -1, -2
PROBES = 32
UNTOLD_PLUGIN, OWN_PLUGIN, OTHER_PLUGIN = 0, 1, 2
FLOAT, DOUBLE, SHAPE, VERSION_NUMBER = 1, 2, 2, 3

DATA = types.Array(types.uint8, 1, "C", readonly=True)


def _array(kind: Any) -> Any:
    return types.Array(kind, 1, "C")


INTS, FLOAT64S = _array(types.int64), _array(types.float64)
NAMES = types.Tuple((_array(types.int32), _array(types.uint8), INTS, _array(types.uint8)))


@intrinsic
def call_crc32c(_: Any, function: Any, pointer: Any, length: Any) -> Any:
    """Call ``uint32_t crc32c_value(const uint8_t *data, size_t count)`` at an address."""

    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        data = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), (data, arguments[2].type))
        called = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(called, (builder.inttoptr(arguments[1], data), arguments[2]))

    return types.uint32(types.intp, types.intp, types.intp), build


@njit(forceinline=True)
def is_checked(function, data, at, stop, masked):
    """Say whether a stretch has the checksum that stands at a place, masked as TFRecord masks it."""
    crc = np.int64(call_crc32c(function, np.int64(data.ctypes.data) + at, stop - at))
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFFFFFF == load(data, masked, 4)


@njit(forceinline=True)
def load(data, at, length):
    """Return a little-endian number of bytes, its bits as an int64."""
    number = np.int64(0)
    for place in range(length):
        number |= np.int64(data[np.uint64(at + place)]) << (8 * place)
    return number


@njit(forceinline=True)
def float32(data, at):
    return np.float64(np.uint32(load(data, at, 4)).view(np.float32))


@njit(forceinline=True)
def float64(data, at):
    return np.int64(load(data, at, 8)).view(np.float64)


@njit(forceinline=True)
def varint(data, at, end):
    """Return the number at a place, its bits as an int64, and where it ends: -1 where it does not."""
    number = np.int64(0)
    shift = 0
    stop = min(at + MAX_VARINT_BYTES, end)
    while at < stop:
        byte = np.int64(data[np.uint64(at)])  # unsigned: a signed index may count from the end, which takes a branch
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7
    return number, np.int64(-1)


@njit(forceinline=True)
def field(data, at, end):
    """Return the field at a place: number, wire type, start (of a varint, its value) and end; -1 where it has none."""
    key, at = varint(data, at, end)
    kind = key & 7
    if at < 0:
        return key, kind, at, at
    if kind == VARINT:
        value, at = varint(data, at, end)
        return key >> 3, kind, value, at
    if kind == BYTES:
        length, at = varint(data, at, end)
    elif kind == FIXED64:
        length = np.int64(8)
    elif kind == FIXED32:
        length = np.int64(4)
    else:
        return key, kind, at, np.int64(-1)
    if at < 0 or length < 0 or length > end - at:
        return key, kind, at, np.int64(-1)
    return key >> 3, kind, at, at + length


@njit(forceinline=True)
def name_hash(data, at, stop):
    """Return a hash of a name: eight bytes at a time, the last ones with their length."""
    mixed = np.uint64(stop - at)
    while at < stop:
        part = load(data, at, 8) if stop - at >= 8 else load(data, at, stop - at)
        mixed = (mixed ^ np.uint64(part)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        at += 8
    return np.int64(mixed & np.uint64(0x7FFFFFFF))


@compiled(types.void(NAMES, types.int64))
def insert(names, number):
    """Put a name, whose bytes are there already, into a free slot; a name that finds none is left to Python."""
    slots, text, ends, _ = names
    place = name_hash(text, ends[number], ends[number + 1]) & (len(slots) - 1)
    for _ in range(PROBES):
        if slots[place] == 0:
            slots[place] = number + 1
            break
        place = (place + 1) & (len(slots) - 1)


@njit(forceinline=True)
def find(names, data, at, stop):
    """Return the number of a name; `NOTHING` where it is none of them, `UNUSUAL` where that can't be told."""
    slots, text, ends, _ = names
    place = name_hash(data, at, stop) & (len(slots) - 1)
    for _ in range(PROBES):
        number = np.int64(slots[place]) - 1
        if number < 0:
            return np.int64(NOTHING)
        if is_same(text, ends[number], ends[number + 1], data, at, stop):
            return number
        place = (place + 1) & (len(slots) - 1)
    return np.int64(UNUSUAL)


@njit(forceinline=True)
def is_same(text, start, end, data, at, stop):
    if end - start != stop - at:
        return False
    for offset in range(stop - at):
        if text[np.uint64(start + offset)] != data[np.uint64(at + offset)]:
            return False
    return True


@njit(forceinline=True)
def tensor(data, at, end):
    """Return whether a tensor is one float or double, as writers of scalars write it, and its value."""
    dtype, count, value = np.int64(0), 0, 0.0
    content = np.int64(-1)
    length = np.int64(0)
    while at < end:
        number, kind, start, at = field(data, at, end)
        if at < 0:
            return False, value
        if number == DTYPE and kind == VARINT:
            dtype = start
        elif number == CONTENT and kind == BYTES:
            content, length = start, at - start
        elif number == FLOATS and kind in (BYTES, FIXED32) and at - start == 4:
            count, value = count + 1, float32(data, start)
        elif number == DOUBLES and kind in (BYTES, FIXED64) and at - start == 8:
            count, value = count + 1, float64(data, start)
        elif number not in (SHAPE, VERSION_NUMBER):
            return False, value
    if length:
        if count:
            return False, value
        if dtype == FLOAT and length == 4:
            return True, float32(data, content)
        if dtype == DOUBLE and length == 8:
            return True, float64(data, content)
        return False, value
    return count == 1, value


@njit(forceinline=True)
def summary_value(data, at, end, names, takes_all):
    """Return the number of a value's tag, or `NOTHING` or `UNUSUAL`, and the value."""
    value = 0.0
    field_number, kind, start, at = field(data, at, end)
    if at < 0 or field_number != TAG or kind != BYTES or start == at:
        return np.int64(UNUSUAL), value
    tag = find(names, data, start, at)
    if tag < 0:
        return np.int64(UNUSUAL) if takes_all else tag, value
    has_value = False
    tensor_at = tensor_end = np.int64(-1)
    while at < end:
        field_number, kind, start, at = field(data, at, end)
        if at < 0 or field_number == TAG:
            return np.int64(UNUSUAL), value
        if field_number == SIMPLE_VALUE and kind == FIXED32:
            has_value, value = True, float32(data, start)
        elif field_number == TENSOR and kind == BYTES:
            tensor_at, tensor_end = start, at
        elif field_number == METADATA and names[3][tag] == UNTOLD_PLUGIN:
            return np.int64(UNUSUAL), value
    if has_value:
        return tag, value
    if tensor_at < 0 or names[3][tag] == OTHER_PLUGIN:
        return np.int64(NOTHING), value
    is_number, value = tensor(data, tensor_at, tensor_end)
    return tag if is_number else np.int64(UNUSUAL), value


@compiled(
    types.int64(
        *(DATA, types.int64, types.intp, NAMES, types.boolean),
        *(INTS, INTS, INTS, FLOAT64S, INTS, INTS, FLOAT64S, INTS),
    )
)
def scan_events(
    data, at, function, names, takes_all, counts, numbers, steps, wall_times, value_events, value_tags, values, latest
):
    """Read usual events, one record after the other, and return where the first stands that is left to Python.

    Args:
        data: Bytes of an event file.
        at: Where a record starts.
        function: Address of the CRC-32C.
        names: The tags that are wanted, or known: see `Names`.
        takes_all: Whether a tag that is not known is wanted too.
        counts: How many events and values stand in the columns, and how many events were read in all.
        numbers: Which event each is, counting all; beside it ``steps`` and ``wall_times``.
        steps: See above.
        wall_times: See above.
        value_events: Index of each value's event in the columns above; beside it ``value_tags`` and ``values``.
        value_tags: See above.
        values: See above.
        latest: Room of a number a name.
    """
    events, count, seen = counts[0], counts[1], counts[2]
    while events < len(numbers) and at + HEADER_BYTES <= len(data):
        start = at + HEADER_BYTES
        length = load(data, at, 8)
        if length < 0 or length > len(data) - start - FOOTER_BYTES:
            break
        stop = start + length
        if not (is_checked(function, data, at, at + 8, at + 8) and is_checked(function, data, start, stop, stop)):
            break
        step, wall_time, first, usual = np.int64(0), 0.0, count, True
        place = start
        while place < stop and usual:
            number, kind, begin, place = field(data, place, stop)
            if place < 0 or number in (FILE_VERSION, SESSION_LOG):
                usual = False
            elif number == WALL_TIME and kind == FIXED64:
                wall_time = float64(data, begin)
            elif number == STEP and kind == VARINT:
                step = begin
            elif number == SUMMARY and kind == BYTES:
                end = place
                while begin < end and usual:
                    number, kind, value_at, begin = field(data, begin, end)
                    if begin < 0:
                        usual = False
                    elif number == VALUE and kind == BYTES:
                        tag, value = summary_value(data, value_at, begin, names, takes_all)
                        if tag >= 0:
                            known = latest[tag]
                            if not (first <= known < count and value_tags[known] == tag):
                                if count == len(values):
                                    usual = False
                                    break
                                known = count
                                count += 1
                            value_events[known], value_tags[known], values[known] = events, tag, value
                            latest[tag] = known
                        elif tag == UNUSUAL:
                            usual = False
        if not usual:
            count = first
            break
        seen += 1
        if count > first:
            numbers[events], steps[events], wall_times[events] = seen - 1, step, wall_time
            events += 1
        at = stop + FOOTER_BYTES
    counts[0], counts[1], counts[2] = events, count, seen
    return at
