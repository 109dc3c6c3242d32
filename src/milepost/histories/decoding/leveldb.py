"""LevelDB's log framing, as W&B and SwanLab write it: https://github.com/google/leveldb/blob/main/doc/log_format.md.

Blocks of 32 KiB hold chunks: checksum, length and type, then data; a record is one chunk, or a first, middle ones and a
last. Both put seven bytes of their own before the first, and their checksum is the plain CRC-32 of type and data.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from milepost.errors import HistoryError
from milepost.histories.decoding.files import opened
from milepost.log import logger

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

MAGIC = b":W&B"
FILE_HEADER_BYTES = 7
BLOCK_BYTES = 32 * 2**10
HEADER = struct.Struct("<IHB")
CHUNK_HEADER_BYTES = HEADER.size
READ_BYTES = 32 * BLOCK_BYTES
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

MAX_RECORD_BYTES = 256 * 2**20
"""Of one record: what is longer would fill the memory."""


class Record(NamedTuple):
    """A record.

    Attributes:
        offset: Where it starts in the file, in bytes.
        data: What it holds.
    """

    offset: int
    data: bytes


class Batch(NamedTuple):
    """Records, one after the other.

    Attributes:
        data: What they hold.
        starts: Where in it each starts.
        ends: Where in it each ends.
        offsets: Where each starts in the file, in bytes.
    """

    data: "Array"
    starts: "Array"
    ends: "Array"
    offsets: "Array"

    def record(self, number: int) -> Record:
        """Return one of them."""
        return Record(int(self.offsets[number]), self.data[self.starts[number] : self.ends[number]].tobytes())


class Batches:
    """The records of a file, many at a time, as far as all is usual.

    Args:
        path: The file.
        scanners: The compiled scanners.

    Attributes:
        end: Where those start that are left to `records`.
    """

    def __init__(self, path: str, scanners: Any) -> None:
        self.end = 0
        self._path, self._scanners = path, scanners

    def __iter__(self) -> Iterator[Batch]:
        """Yield them."""
        import numpy

        counts = numpy.zeros(3, "i8")
        with opened(self._path) as file:
            data, first, at = file.read(READ_BYTES), 0, FILE_HEADER_BYTES
            if not data.startswith(MAGIC):
                return
            while True:
                most = len(data) // CHUNK_HEADER_BYTES + 1
                payload, chunks = numpy.empty(len(data), "u1"), numpy.empty(3 * most, "i8")
                starts, ends, offsets = (numpy.empty(most, "i8") for _ in range(3))
                end = self._scanners.join_chunks(
                    numpy.frombuffer(data, "u1"), at, first, payload, starts, ends, offsets, chunks, counts
                )
                number, count, is_usual = (int(each) for each in counts)
                if not _are_whole(data, chunks[: 3 * count]):
                    break
                if number:
                    yield Batch(payload, starts[:number], ends[:number], offsets[:number])
                at = end
                self.end = first + at
                if not is_usual or len(data) > MAX_RECORD_BYTES:
                    break
                try:
                    more = file.read(READ_BYTES if number else len(data))
                except (OSError, EOFError, zlib.error):
                    break
                if not more:
                    break
                keep = at // BLOCK_BYTES * BLOCK_BYTES
                data, first, at = data[keep:] + more, first + keep, at - keep


def _are_whole(data: bytes, chunks: "Array") -> bool:
    """Say whether chunks have their checksums: of each, `chunks` has start, end and checksum."""
    view, crc32 = memoryview(data), zlib.crc32
    starts, ends, checksums = (chunks[at::3].tolist() for at in range(3))
    found: list[int] = [crc32(view[start:end]) for start, end in zip(starts, ends, strict=True)]
    return bool(found == checksums)


def records(path: str, start: int = 0, *, magic: bytes = MAGIC) -> Iterator[Record]:
    """Yield the records of a file, each chunk checked.

    What a killed writer left of its last record is passed over, with a warning.

    Args:
        path: The file.
        start: Where the first one starts that is wanted.
        magic: What the file begins with.

    Raises:
        HistoryError: A chunk is broken, after all records before it were yielded; says at which byte.
    """
    parts: list[bytes] = []
    began = length = 0
    offset = start // BLOCK_BYTES * BLOCK_BYTES
    with opened(path) as file:
        file.seek(offset)
        block = file.read(BLOCK_BYTES)
        if not start and not block.startswith(magic):
            raise HistoryError(f"{path}: found a file that does not begin with {magic!r}, expected one that does")
        at = start - offset if start else FILE_HEADER_BYTES
        while block:
            while len(block) - at >= HEADER.size:
                checksum, size, kind = HEADER.unpack_from(block, at)
                if not (checksum or size or kind):
                    break  # the rest of a block that was set aside and not written
                begin = at + HEADER.size
                if begin + size > len(block):
                    if len(block) == BLOCK_BYTES:
                        raise HistoryError(f"{path}: found a chunk at byte {offset + at} that is longer than its block")
                    at = len(block)
                    parts = parts or [b""]  # cut short
                    break
                data = block[begin : begin + size]
                if zlib.crc32(data, zlib.crc32(bytes((kind,)))) != checksum:
                    raise HistoryError(f"{path}: found a wrong checksum at byte {offset + at}, expected its own")
                if kind in (FULL, FIRST) and parts:
                    raise HistoryError(f"{path}: found a record at byte {began} without an end")
                if kind in (MIDDLE, LAST) and not parts:
                    raise HistoryError(f"{path}: found a chunk at byte {offset + at} without a beginning")
                if kind not in (FULL, FIRST, MIDDLE, LAST):
                    raise HistoryError(f"{path}: found a chunk of type {kind} at byte {offset + at}, expected 1 to 4")
                if not parts:
                    began, length = offset + at, 0
                at = begin + size
                length += size
                if length > MAX_RECORD_BYTES:
                    raise HistoryError(f"{path}: found a record at byte {began} of more than {MAX_RECORD_BYTES} bytes")
                parts.append(data)
                if kind in (FULL, LAST):
                    yield Record(began, parts[0] if len(parts) == 1 else b"".join(parts))
                    parts = []
            left = len(block) - at
            is_header = 0 < left < HEADER.size <= BLOCK_BYTES - at  # of which the rest is missing
            if is_header or (len(block) < BLOCK_BYTES and any(block[at:])):
                parts = parts or [b""]  # cut short within a header
            offset += len(block)
            at = 0
            if len(block) < BLOCK_BYTES:
                break
            block = file.read(BLOCK_BYTES)
    if parts:
        logger("histories").warning("%s: its last record is cut short; read what is whole", path)
