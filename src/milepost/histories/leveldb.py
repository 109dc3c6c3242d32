"""LevelDB's log framing, as W&B writes it: https://github.com/google/leveldb/blob/main/doc/log_format.md.

Blocks of 32 KiB hold chunks: checksum, length and type, then data; a record is one chunk, or a first, middle ones and a
last. W&B puts seven bytes of its own before the first, and its checksum is the plain CRC-32 of type and data.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from milepost.errors import HistoryError
from milepost.histories.files import opened
from milepost.log import logger

MAGIC = b":W&B"
FILE_HEADER_BYTES = 7
BLOCK_BYTES = 32 * 2**10
HEADER = struct.Struct("<IHB")
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


def records(path: str) -> Iterator[Record]:
    """Yield the records of a file, each chunk checked.

    What a killed writer left of its last record is passed over, with a warning.

    Raises:
        HistoryError: A chunk is broken, after all records before it were yielded; says at which byte.
    """
    parts: list[bytes] = []
    began = length = offset = 0
    with opened(path) as file:
        block = file.read(BLOCK_BYTES)
        if not block.startswith(MAGIC):
            raise HistoryError(f"{path}: found a file that does not begin with {MAGIC!r}, expected one that W&B wrote")
        at = FILE_HEADER_BYTES
        while block:
            while len(block) - at >= HEADER.size:
                checksum, size, kind = HEADER.unpack_from(block, at)
                if not (checksum or size or kind):
                    break  # the rest of a block that was set aside and not written
                start = at + HEADER.size
                if start + size > len(block):
                    if len(block) == BLOCK_BYTES:
                        raise HistoryError(f"{path}: found a chunk at byte {offset + at} that is longer than its block")
                    at = len(block)
                    parts = parts or [b""]  # cut short
                    break
                data = block[start : start + size]
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
                at = start + size
                length += size
                if length > MAX_RECORD_BYTES:
                    raise HistoryError(f"{path}: found a record at byte {began} of more than {MAX_RECORD_BYTES} bytes")
                parts.append(data)
                if kind in (FULL, LAST):
                    yield Record(began, parts[0] if len(parts) == 1 else b"".join(parts))
                    parts = []
            if len(block) < BLOCK_BYTES and any(block[at:]):
                parts = parts or [b""]  # cut short within a header
            offset += len(block)
            at = 0
            if len(block) < BLOCK_BYTES:
                break
            block = file.read(BLOCK_BYTES)
    if parts:
        logger("histories.wandb").warning("%s: its last record is cut short; read what is whole", path)
