"""TFRecord framing: length, its CRC, data, its CRC. https://www.tensorflow.org/tutorials/load_data/tfrecord."""

import struct
from typing import IO

from milepost.errors import HistoryError
from milepost.histories.decoding.checksums import crc32c, masked
from milepost.log import logger

HEADER = struct.Struct("<QI")
HEADER_BYTES = HEADER.size
FOOTER_BYTES = 4
READ_BYTES = 2**20

MAX_RECORD_BYTES = 256 * 2**20
"""Of one record: an image or a graph may be large, but what is longer than this is no record."""


class Records:
    """The records of a file, each checked.

    Args:
        path: What messages call it.
        file: The file, open.

    Attributes:
        data: What of the file is at hand.
        at: Where in ``data`` the next record starts.
        offset: Where in the file it starts.
    """

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self.path = path
        self.data = b""
        self.at = self.offset = 0
        self._file = file
        self._checksum = crc32c()

    def read(self) -> bytes | None:
        """Return the next record; None at the end. What a killed writer left of a last one is warned about.

        Raises:
            HistoryError: It is broken; says at which byte.
        """
        if not self.has(HEADER_BYTES):
            self._end()
            return None
        length, length_crc = HEADER.unpack_from(self.data, self.at)
        if masked(self._checksum(self.data[self.at : self.at + 8])) != length_crc:
            raise HistoryError(
                f"{self.path}: found a wrong checksum at byte {self.offset}, expected that of its length"
            )
        if length > MAX_RECORD_BYTES:
            raise HistoryError(
                f"{self.path}: found a record of {length} bytes at byte {self.offset}, "
                f"expected {MAX_RECORD_BYTES} at most"
            )
        if not self.has(HEADER_BYTES + length + FOOTER_BYTES):
            self._end()
            return None
        start = self.at + HEADER_BYTES
        data = self.data[start : start + length]
        (data_crc,) = struct.unpack_from("<I", self.data, start + length)
        if masked(self._checksum(data)) != data_crc:
            raise HistoryError(f"{self.path}: found a wrong checksum at byte {self.offset}, expected that of its data")
        self.pass_over(HEADER_BYTES + length + FOOTER_BYTES)
        return data

    def has(self, needed: int) -> bool:
        """Read on until so many bytes are at hand; say whether the file has them."""
        while len(self.data) - self.at < needed:
            more = self._file.read(max(READ_BYTES, needed - (len(self.data) - self.at)))
            if not more:
                return False
            self.data, self.at = self.data[self.at :] + more, 0
        return True

    def pass_over(self, length: int) -> None:
        """Go on behind so many bytes that were read."""
        self.at += length
        self.offset += length

    def _end(self) -> None:
        if len(self.data) > self.at:
            logger("histories.tensorboard").warning(
                "%s: its last record is cut short at byte %d; read what is whole", self.path, self.offset
            )


def is_record(head: bytes) -> bool:
    """Say whether a file's first bytes are the beginning of a record."""
    if len(head) < HEADER_BYTES:
        return False
    _, length_crc = HEADER.unpack_from(head)
    return bool(masked(crc32c()(head[:8])) == length_crc)
