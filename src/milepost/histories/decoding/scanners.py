"""Scanners of binary logs, compiled. Imported only where there is enough to scan: see `compiler`.

They take what is usual and leave the rest, record by record, to the readers in Python: what is broken, cut short or
rare. So they raise nothing, and nothing is decided here that the readers decide otherwise.

All of them stand in this one file: Numba looks at no other when it judges whether what it has kept is still good.
"""

# Numba infers the types.
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code=call-arg
# ruff: noqa: SIM109, SIM110

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from milepost.histories.decoding.checksums import MASK_DELTA
from milepost.histories.decoding.compiler import compiled
from milepost.histories.decoding.event_record import (
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
from milepost.histories.decoding.leveldb import BLOCK_BYTES, CHUNK_HEADER_BYTES, FIRST, FULL, LAST
from milepost.histories.decoding.messages import PLAIN_BYTES
from milepost.histories.decoding.tensors import CONTENT, DOUBLES, DTYPE, FLOATS, MAX_BYTES
from milepost.histories.decoding.tfrecord import FOOTER_BYTES, HEADER_BYTES
from milepost.histories.decoding.wandb_record import CONFIG, HISTORY, ITEM, KEY, NESTED_KEY, RUN, VALUE_JSON

# Protobuf's wire format: https://protobuf.dev/programming-guides/encoding.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES, MAX_LENGTH_BYTES = 10, 5
FIRST_KEY, KEYS = 8, 2**32

NOTHING, UNUSUAL = -1, -2
PROBES = 32
UNTOLD_PLUGIN, OWN_PLUGIN, OTHER_PLUGIN = 0, 1, 2
TRUE, FALS, NULL = (int.from_bytes(word, "little") for word in (b"true", b"fals", b"null"))
QUOTE, BACKSLASH, MINUS, PLUS, DOT, ZERO, NINE, SMALL_E, COMMA, OPEN, CLOSE, BRACE = b'"\\-+.09e,[]{'
FLOAT, DOUBLE, SHAPE, VERSION_NUMBER = 1, 2, 2, 3

DATA = types.Array(types.uint8, 1, "C", readonly=True)


def _array(kind: Any) -> Any:
    return types.Array(kind, 1, "C")


BYTES_OUT = _array(types.uint8)
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
    """Say whether bytes have the checksum that stands at a place, masked as TFRecord masks it."""
    crc = np.int64(call_crc32c(function, np.int64(data.ctypes.data) + at, stop - at))
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFFFFFF == load(data, masked, 4)


@njit(forceinline=True)
def load(data, at, length):
    """Return a little-endian number of bytes, its bits as an int64.

    Indices are unsigned: a signed one may count from the end, and to look for that is a branch.
    """
    number = np.int64(0)
    for place in range(length):
        number |= np.int64(data[np.uint64(at + place)]) << (8 * place)
    return number


@njit(forceinline=True)
def float32(data, at):
    """Return the float32 at a place, as a double."""
    return np.float64(np.uint32(load(data, at, 4)).view(np.float32))


@njit(forceinline=True)
def float64(data, at):
    """Return the double at a place."""
    return np.int64(load(data, at, 8)).view(np.float64)


@njit(forceinline=True)
def varint(data, at, end):
    """Return the number at a place, its bits as an int64, and where it ends: -1 where it does not."""
    number = np.int64(0)
    shift = 0
    stop = min(at + MAX_VARINT_BYTES, end)
    while at < stop:
        byte = np.int64(data[np.uint64(at)])
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7
    return number, np.int64(-1)


@njit(forceinline=True)
def field(data, at, end):
    """Return the field at a place: number, wire type, start (of a varint, its value) and end; -1 where it has none."""
    key, at = varint(data, at, min(at + MAX_LENGTH_BYTES, end))
    kind = key & 7
    if at < 0 or not FIRST_KEY <= key < KEYS:
        return key, kind, at, np.int64(-1)
    if kind == VARINT:
        value, at = varint(data, at, end)
        return key >> 3, kind, value, at
    if kind == BYTES:
        length, at = varint(data, at, min(at + MAX_LENGTH_BYTES, end))
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
    """Say whether two places hold the same bytes."""
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
    if end - at > MAX_BYTES:
        return False, value
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
    if tag == UNUSUAL or (tag == NOTHING and takes_all):
        return np.int64(UNUSUAL), value
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
        elif field_number == METADATA and tag >= 0 and names[3][tag] == UNTOLD_PLUGIN:
            return np.int64(UNUSUAL), value
    if has_value or tag == NOTHING:
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
        if length < 0 or length > min(len(data) - start - FOOTER_BYTES, PLAIN_BYTES):
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


@compiled(types.int64(DATA, types.int64, types.int64, BYTES_OUT, INTS, INTS, INTS, INTS, INTS))
def join_chunks(data, at, first_offset, payload, starts, ends, offsets, chunks, counts):
    """Take records out of LevelDB's framing, and return where the first stands that is left to Python.

    Args:
        data: Blocks of a file, from the beginning of one on.
        at: Where a record starts.
        first_offset: Where in the file ``data`` starts.
        payload: Room for what the records hold, one after the other.
        starts: Where in ``payload`` each record starts; beside it ``ends``, and ``offsets``: where in the file.
        ends: See above.
        offsets: See above.
        chunks: Start, end and checksum of each chunk, which are not looked at: of what is checked, type and data.
        counts: How many records and chunks there are, and whether all is usual that was seen.
    """
    records = count = chunk = np.int64(0)
    written = begin = np.int64(0)
    first_chunk, end, is_open, is_usual = at, at, False, True
    while at + CHUNK_HEADER_BYTES <= len(data):
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < CHUNK_HEADER_BYTES:
            at += left
            continue
        checksum, size, kind = load(data, at, 4), load(data, at + 4, 2), load(data, at + 6, 1)
        if checksum == 0 and size == 0 and kind == 0:
            at += left
            continue
        start = at + CHUNK_HEADER_BYTES
        is_usual = size <= left - CHUNK_HEADER_BYTES and FULL <= kind <= LAST and is_open != (kind in (FULL, FIRST))
        if not is_usual or start + size > len(data):
            break
        if not is_open:
            first_chunk, begin, is_open = at, written, True
        for offset in range(size):
            payload[np.uint64(written + offset)] = data[np.uint64(start + offset)]
        chunks[3 * chunk], chunks[3 * chunk + 1], chunks[3 * chunk + 2] = start - 1, start + size, checksum
        chunk += 1
        written += size
        at = start + size
        if kind in (FULL, LAST):
            starts[records], ends[records], offsets[records] = begin, written, first_offset + first_chunk
            records, count, is_open, end = records + 1, chunk, False, at
    counts[0], counts[1], counts[2] = records, count, is_usual
    return end


@njit(forceinline=True)
def is_atom(data, at, end):
    """Say whether JSON is a number, a word, or text without anything that needs a closer look."""
    first = data[np.uint64(at)]
    if first == QUOTE:
        for place in range(at + 1, end - 1):
            byte = data[np.uint64(place)]
            if byte < 0x20 or byte >= 0x7F or byte == QUOTE or byte == BACKSLASH:
                return False
        return end - at >= 2 and data[np.uint64(end - 1)] == QUOTE
    if first == MINUS or ZERO <= first <= NINE:
        for place in range(at, end):
            byte = data[np.uint64(place)]
            if not (ZERO <= byte <= NINE or byte == MINUS or byte == DOT or byte == PLUS or byte | 0x20 == SMALL_E):
                return False
        return True
    size = end - at
    if size == 4 and (load(data, at, 4) == TRUE or load(data, at, 4) == NULL):
        return True
    return size == 5 and load(data, at, 4) == FALS and data[np.uint64(end - 1)] == SMALL_E


@njit(forceinline=True)
def item(data, at, end, names, takes_all, prefixes, scratch):
    """Return the number of an item's name, or `NOTHING` or `UNUSUAL`, and where its value stands."""
    pieces, length = 0, np.int64(0)
    value_at = value_end = np.int64(0)
    while at < end:
        number, kind, begin, at = field(data, at, end)
        if at < 0:
            return np.int64(UNUSUAL), value_at, value_end
        if number == KEY or number == NESTED_KEY:
            if kind != BYTES or (number == KEY and pieces) or length + at - begin + 1 > len(scratch):
                return np.int64(UNUSUAL), value_at, value_end
            if pieces:
                scratch[length] = DOT
                length += 1
            for place in range(begin, at):
                scratch[np.uint64(length)] = data[np.uint64(place)]
                length += 1
            pieces += 1
        elif number == VALUE_JSON and kind == BYTES:
            value_at, value_end = begin, at
    name = find(names, scratch, 0, length)
    if name == NOTHING and not takes_all:
        if (
            value_end > value_at
            and data[np.uint64(value_at)] == BRACE
            and find(prefixes, scratch, 0, length) != NOTHING
        ):
            return np.int64(UNUSUAL), value_at, value_end
        return np.int64(NOTHING), value_at, value_end
    if name < 0 or value_end == value_at or not is_atom(data, value_at, value_end):
        return np.int64(UNUSUAL), value_at, value_end
    return name, value_at, value_end


@compiled(
    types.int64(
        *(BYTES_OUT, INTS, INTS, types.int64, types.int64, NAMES, types.boolean, NAMES, BYTES_OUT),
        *(types.int64, INTS, INTS, INTS, INTS, INTS, INTS),
    )
)
def scan_rows(
    payload, starts, ends, record, records, names, takes_all, prefixes, scratch,
    most_rows, latest, counts, value_names, value_rows, value_starts, value_ends,
):  # fmt: skip
    """Read usual records of W&B's, and return the first that is left to Python.

    Args:
        payload: What the records hold.
        starts: Where each starts there; beside it ``ends``.
        ends: See above.
        record: The first to read.
        records: How many there are.
        names: Names that are wanted, or known: see `Names`.
        takes_all: Whether a name that is not known is wanted too.
        prefixes: Names of objects within which something is wanted.
        scratch: Room for a name.
        most_rows: How many rows there may be.
        latest: The row in which each name was told last.
        counts: How many rows and values were read.
        value_names: Number of each value's name; beside it ``value_rows``, and where its JSON stands in ``payload``.
        value_rows: See above.
        value_starts: See above.
        value_ends: See above.
    """
    rows, count = counts[0], counts[1]
    while record < records and rows < most_rows:
        place, stop = starts[record], ends[record]
        first, has_row, usual = count, False, stop - place <= PLAIN_BYTES
        while place < stop and usual:
            number, kind, begin, place = field(payload, place, stop)
            if place < 0 or number == RUN or number == CONFIG or (number == HISTORY and (kind != BYTES or has_row)):
                usual = False
            elif number == HISTORY:
                has_row = True
                end = place
                while begin < end and usual:
                    number, kind, item_at, begin = field(payload, begin, end)
                    if begin < 0:
                        usual = False
                    elif number == ITEM and kind == BYTES:
                        name, start, after = item(payload, item_at, begin, names, takes_all, prefixes, scratch)
                        if name >= 0 and count < len(value_names) and latest[name] != rows:
                            latest[name] = rows
                            value_names[count], value_rows[count] = name, rows
                            value_starts[count], value_ends[count] = start, after
                            count += 1
                        elif name != NOTHING:
                            usual = False
        if not usual:
            count = first
            break
        rows += has_row
        record += 1
    counts[0], counts[1] = rows, count
    return record


@compiled(types.int64(BYTES_OUT, INTS, INTS, types.int64, INTS, INTS, INTS, BYTES_OUT))
def join_columns(payload, order, lasts, rows, value_rows, value_starts, value_ends, text):
    """Write columns as JSON, a list of their lists, null where a row tells nothing, and return its length.

    Args:
        payload: In which the values stand.
        order: Indices of the values, by their columns, within each by their rows.
        lasts: How many of ``order`` there are up to the end of each column.
        rows: How many rows there are.
        value_rows: Row of each value; beside it, where its JSON stands in ``payload``.
        value_starts: See above.
        value_ends: See above.
        text: Room for the JSON.
    """
    at, length = 0, np.int64(0)
    for column in range(len(lasts)):
        text[length], text[length + 1], length = COMMA if column else OPEN, OPEN, length + 2
        for row in range(rows):
            if row:
                text[length], length = COMMA, length + 1
            if at < lasts[column] and value_rows[order[at]] == row:
                start, end = value_starts[order[at]], value_ends[order[at]]
                for place in range(start, end):
                    text[np.uint64(length)], length = payload[np.uint64(place)], length + 1
                if end - start == 2 and payload[start] == MINUS and payload[start + 1] == ZERO:
                    # W&B writes -0.0 so, which is no integer.
                    text[length], text[length + 1], length = DOT, ZERO, length + 2
                at += 1
            else:
                for place in range(4):
                    text[length], length = np.uint8(NULL >> (8 * place)), length + 1
        text[length], length = CLOSE, length + 1
    text[length] = CLOSE
    return length + 1
