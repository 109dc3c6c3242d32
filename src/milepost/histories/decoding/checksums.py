"""CRC-32C, which TensorFlow's records carry."""

from collections.abc import Callable

from milepost.errors import MissingExtra

MASK_DELTA = 0xA282EAD8

CHECK = b"123456789"
"""What checksums are tried on."""


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


def crc32c_address() -> int | None:
    """Return the address of the library's ``uint32_t crc32c_value(const uint8_t *, size_t)``; None where it has none.

    It is a function of libcrc32c, which the package's extension is linked with.
    """
    from google_crc32c import value

    try:
        import ctypes

        from google_crc32c import _crc32c

        function = ctypes.CDLL(_crc32c.__file__).crc32c_value
    except (ImportError, OSError, AttributeError):
        # The package in pure Python, or a system that does not look for a function in what a library is linked with.
        return None
    function.restype, function.argtypes = ctypes.c_uint32, (ctypes.c_char_p, ctypes.c_size_t)
    if function(CHECK, len(CHECK)) != value(CHECK):
        return None
    return ctypes.cast(function, ctypes.c_void_p).value


def masked(crc: int) -> int:
    """Return a CRC as TFRecord writes it: https://www.tensorflow.org/tutorials/load_data/tfrecord."""
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF
