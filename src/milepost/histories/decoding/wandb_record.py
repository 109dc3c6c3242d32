"""A record of W&B's protocol, as far as it matters.

https://github.com/wandb/wandb, ``wandb/proto/wandb_internal.proto``.
"""

import json
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number_in
from milepost.histories.decoding.messages import Messages

# Fields of Record, HistoryRecord and its items.
HISTORY, CONFIG, RUN = 2, 5, 17
ITEM = 1
KEY, NESTED_KEY, VALUE_JSON = 1, 2, 16


@cache
def protocol() -> Messages:
    """Return the messages of W&B's protocol."""
    return Messages(
        "milepost.wandb",
        {
            "Record": {
                "history": (HISTORY, "HistoryRecord"),
                "config": (CONFIG, "ConfigRecord"),
                "run": (RUN, "RunRecord"),
            },
            "RunRecord": {
                "run_id": (1, "bytes"),
                "project": (3, "bytes"),
                "config": (4, "ConfigRecord"),
                "run_group": (6, "bytes"),
                "start_time": (17, "Timestamp"),
            },
            "Timestamp": {"seconds": (1, "int64"), "nanos": (2, "int32")},
            "ConfigRecord": {"update": (1, "Item*")},
            "HistoryRecord": {"item": (ITEM, "Item*")},
            "Item": {"key": (KEY, "bytes"), "nested_key": (NESTED_KEY, "bytes*"), "value_json": (VALUE_JSON, "bytes")},
        },
    )


def read_record(data: bytes) -> Any:
    """Return a record, with those of its fields that `protocol` declares.

    Raises:
        BrokenMessage: It is none.
    """
    return protocol().parse("Record", data)


def read_items(items: Iterable[Any], wanted: frozenset[str] | None) -> dict[str, Any]:
    """Return the items of a history or a configuration by their names, flat: ``{"env.reward": 1.0}``, without lists.

    Args:
        items: The items.
        wanted: Names that are wanted; all where None.
    """
    row: dict[str, Any] = {}
    prefixes = prefixes_of(wanted or frozenset())
    for item in items:
        keys = (item.key, *item.nested_key) if item.HasField("key") else item.nested_key
        name = b".".join(keys).decode(errors="replace")
        value = item.value_json
        if wanted is not None and name not in wanted and not (value.startswith(b"{") and name in prefixes):
            continue
        try:
            found = json.loads(value, parse_int=_whole)
        except (ValueError, RecursionError):
            continue
        flatten({name: number_in(found)}, "", row, wanted, MAX_DEPTH)
    return row


@lru_cache(maxsize=8)
def prefixes_of(names: frozenset[str]) -> frozenset[str]:
    """Return what the objects are called that may hold something of these names: ``a`` and ``a.b`` for ``a.b.c``."""
    return frozenset(name[:at] for name in names for at, letter in enumerate(name) if letter == ".")


def _whole(text: str) -> int | float:
    """Return a number without a point: W&B writes 2.0 as ``2``, and -0.0 as ``-0``, which is no integer."""
    return -0.0 if text == "-0" else int(text)
