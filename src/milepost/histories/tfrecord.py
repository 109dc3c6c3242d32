"""TFRecord framing: length, its CRC, data, its CRC. https://www.tensorflow.org/tutorials/load_data/tfrecord."""

import struct
from collections.abc import Iterator

from milepost.errors import HistoryError
from milepost.histories.checksums import crc32c, masked
from milepost.histories.files import opened
from milepost.log import logger

HEADER = struct.Struct("<QI")
FOOTER_BYTES = 4
READ_BYTES = 2**20

MAX_RECORD_BYTES = 256 * 2**20
"""Of one record: an image or a graph may be large, but what is longer than this is no record."""


def records(path: str) -> Iterator[bytes]:
    """Yield the records of a file, each checked.

    What a killed writer left of its last record is passed over, with a warning.

    Raises:
        HistoryError: A record is broken, after all before it were yielded; says at which byte.
    """
    checksum = crc32c()
    offset = at = 0
    rest = b""
    with opened(path) as file:

        def more(needed: int) -> bool:
            nonlocal rest, at
            while len(rest) - at < needed:
                chunk = file.read(max(READ_BYTES, needed - (len(rest) - at)))
                if not chunk:
                    return False
                rest, at = rest[at:] + chunk, 0
            return True

        while more(HEADER.size):
            length, length_crc = HEADER.unpack_from(rest, at)
            if masked(checksum(rest[at : at + 8])) != length_crc:
                raise HistoryError(f"{path}: found a wrong checksum at byte {offset}, expected that of its length")
            if length > MAX_RECORD_BYTES:
                raise HistoryError(
                    f"{path}: found a record of {length} bytes at byte {offset}, expected {MAX_RECORD_BYTES} at most"
                )
            if not more(HEADER.size + length + FOOTER_BYTES):
                break
            start = at + HEADER.size
            data = rest[start : start + length]
            (data_crc,) = struct.unpack_from("<I", rest, start + length)
            if masked(checksum(data)) != data_crc:
                raise HistoryError(f"{path}: found a wrong checksum at byte {offset}, expected that of its data")
            yield data
            at = start + length + FOOTER_BYTES
            offset += HEADER.size + length + FOOTER_BYTES
        if len(rest) > at:
            logger("histories.tensorboard").warning(
                "%s: its last record is cut short at byte %d; read what is whole", path, offset
            )


def is_record(head: bytes) -> bool:
    """Say whether a file's first bytes are the beginning of a record."""
    if len(head) < HEADER.size:
        return False
    _, length_crc = HEADER.unpack_from(head)
    return bool(masked(crc32c()(head[:8])) == length_crc)
