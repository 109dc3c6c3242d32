"""What a terminal or pipe can't write is written otherwise: a locale that is not UTF-8 stops no command."""

import codecs
import sys

WRITTEN = dict(zip("≥≤–—×…αΔ·→", (">=", "<=", "-", "-", "x", "...", "alpha", "delta", "-", "->"), strict=True))
"""What Milepost itself writes, in ASCII: a bound stays one. Anything else becomes an escape."""


def write_anywhere() -> None:
    """Have standard output and error write what their encoding lacks in other characters."""
    codecs.register_error("milepost", _otherwise)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="milepost")


def _otherwise(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    escaped = (WRITTEN.get(each) or each.encode("ascii", "backslashreplace").decode() for each in found)
    return "".join(escaped), error.end
