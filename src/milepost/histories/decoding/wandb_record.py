"""A record of W&B's protocol, as far as it matters.

https://github.com/wandb/wandb, ``wandb/proto/wandb_internal.proto``.
"""

import json
from functools import lru_cache
from typing import Any

from milepost.histories.decoding.json_rows import MAX_DEPTH, SPECIAL, flatten
from milepost.histories.decoding.wire import BYTES, VARINT, fields

# Fields of Record, RunRecord, ConfigRecord, HistoryRecord, and of the items of the last two.
HISTORY, CONFIG, RUN = 2, 5, 17
RUN_ID, RUN_CONFIG, RUN_GROUP, DISPLAY_NAME = 1, 4, 6, 8
UPDATE = 1
ITEM = 1
KEY, NESTED_KEY, VALUE_JSON = 1, 2, 16


def read_items(data: bytes, start: int, end: int, item: int, wanted: frozenset[str] | None) -> dict[str, Any]:
    """Return the items of a record by their names, flat: ``{"env.reward": 1.0}``; lists are left out.

    Args:
        data: Of the record.
        start: Where the part starts that has the items.
        end: Where it ends.
        item: Number of its field that holds items.
        wanted: Names that are wanted; all where None.

    Raises:
        WireError: It is no message.
    """
    row: dict[str, Any] = {}
    prefixes = prefixes_of(wanted or frozenset())
    for field, kind, at, stop in fields(data, start, end):
        if field != item or kind != BYTES:
            continue
        names: list[str] = []
        value = b""
        for inner, inner_kind, inner_at, inner_stop in fields(data, at, stop):
            if inner_kind == VARINT:
                continue
            if inner in (KEY, NESTED_KEY):
                names.append(data[inner_at:inner_stop].decode(errors="replace"))
            elif inner == VALUE_JSON:
                value = data[inner_at:inner_stop]
        name = ".".join(names)
        if wanted is not None and name not in wanted and not (value.startswith(b"{") and name in prefixes):
            continue
        try:
            found = json.loads(value, parse_int=_whole)
        except (ValueError, RecursionError):
            continue
        flatten({name: SPECIAL.get(found, found) if isinstance(found, str) else found}, "", row, wanted, MAX_DEPTH)
    return row


@lru_cache(maxsize=8)
def prefixes_of(names: frozenset[str]) -> frozenset[str]:
    """Return what the objects are called that may hold something of these names: ``a`` and ``a.b`` for ``a.b.c``."""
    return frozenset(name[:at] for name in names for at, letter in enumerate(name) if letter == ".")


def _whole(text: str) -> int | float:
    """Return a number without a point: W&B writes 2.0 as ``2``, and -0.0 as ``-0``, which is no integer."""
    return -0.0 if text == "-0" else int(text)
