"""Text of anybody's, such as the name of a run, as a terminal may be given it."""

import re

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""Characters that a terminal obeys, but for the end of a line."""

BIDIRECTIONAL = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change in which order others are shown: a name could look like another one."""


def as_plain(text: str) -> str:
    """Return text as a terminal may be given it: without what it obeys, and what reorders it shown as an escape."""
    return BIDIRECTIONAL.sub(lambda found: f"\\u{ord(found[0]):04x}", CONTROL.sub("", text))
