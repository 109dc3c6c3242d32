"""CRC-32C, which TensorFlow's records carry."""

from collections.abc import Callable

from milepost.errors import MissingExtra


def crc32c() -> Callable[[bytes], int]:
    """Return what gives the CRC-32C of bytes.

    Raises:
        MissingExtra: google-crc32c is not installed.
    """
    try:
        from google_crc32c import value
    except ImportError:
        raise MissingExtra("google-crc32c", "replay", "checking event files") from None
    checksum: Callable[[bytes], int] = value
    return checksum


def masked(crc: int) -> int:
    """Return a CRC as TFRecord writes it: https://www.tensorflow.org/tutorials/load_data/tfrecord."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
