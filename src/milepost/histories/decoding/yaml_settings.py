"""Settings that a tracker keeps as YAML beside a log, read in bounded time."""

from functools import cache
from typing import Any

from milepost.errors import HistoryError
from milepost.histories.decoding.files import read_whole
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten
from milepost.log import logger

MAX_BYTES = 2**16
"""Of a file: a thousand settings take a fifth of that."""

MAX_BRACKETS = 500
"""PyYAML's time grows with the square of how deeply brackets are nested."""


@cache
def _loader() -> Any:
    """Return what reads YAML's plain types, without aliases: what they stand for may be as large as it likes."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("found an alias, expected settings without any")
            return super().compose_node(parent, index)

    return Loader


def yaml_object(data: bytes) -> dict[str, Any]:
    """Return the object that YAML tells; nothing where it tells none, or is too large or too deep."""
    if len(data) > MAX_BYTES or data.count(b"[") + data.count(b"{") > MAX_BRACKETS:
        return {}
    import yaml

    try:
        found = yaml.load(data, _loader())
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def read_settings(path: str) -> dict[str, Any]:
    """Return the settings of a file; none where there is no such file, or it can't be read, which is warned about."""
    try:
        data = read_whole(path, MAX_BYTES)
    except HistoryError:
        return {}
    if not (found := yaml_object(data)) and data.strip() not in (b"", b"{}"):
        logger("histories").warning("%s: can't be read, so that its settings are not known", path)
    return found


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Return those settings that are single values, by their whole names: ``optimizer.lr``."""
    found: dict[str, Any] = {}
    flatten(settings, "", found, None, MAX_DEPTH)
    return {name: value for name, value in found.items() if isinstance(value, (str, int, float, bool))}
