"""The settings that a run was trained with, as they are kept: flat, plain, and without secrets."""

import math
import operator
from collections.abc import Mapping
from typing import Any

from milepost.log import Once
from milepost.runs.told import fields_of
from milepost.secrets import holds_secret, is_secret_name, without_users
from milepost.text import clean

MOST_CHARACTERS = 500
"""Of the text of a setting."""

MOST_DEPTH = 20
"""Of settings within settings."""

Plain = str | int | float | bool | None

MOST_SETTINGS = 10_000
"""Of a run."""

_said = Once("tracked_run")


def flat_config(config: Mapping[Any, object]) -> dict[str, Plain]:
    """Return settings as flat names and plain values (``{"optimizer.lr": 0.1}``).

    What may be a secret is left out. So is what holds itself, is too much or can't be read, with a warning.
    """
    flat: dict[str, Plain] = {}
    _flatten(config, "", (id(config),), flat)
    return flat


def _flatten(config: Mapping[Any, object], prefix: str, within: tuple[int, ...], flat: dict[str, Plain]) -> None:
    for key, value in config.items():
        name = prefix
        try:
            name = f"{prefix}{clean(str(key))}"
            inner, is_secret = _within(value), is_secret_name(name)
            if id(value) in within or len(within) > MOST_DEPTH:
                _said.warn("cycle", "run_config: %r is left out: it holds itself, or is too deep", name)
            elif len(flat) >= MOST_SETTINGS:
                _said.warn("most", "run_config: %r and what follows is left out: %d are kept", name, MOST_SETTINGS)
                return
            elif inner is not None and not is_secret:
                _flatten(inner, f"{name}.", (*within, id(value)), flat)
            elif inner is None and (plain := _plain(value, is_secret)) is not ...:
                flat[name] = plain
        except Exception as error:
            _said.warn(name, "run_config: %r is left out: it can't be read (%s)", name, type(error).__name__)


def _within(value: object) -> Mapping[Any, object] | None:
    """Return the settings within a setting; those of a list that holds any are numbered."""
    if isinstance(value, Mapping):
        named = value.get("name")  # as Kubernetes has variables: their names and their values
        return {named: value["value"]} if "value" in value and is_secret_name(str(named)) else value
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return dict(enumerate(value))
    return fields_of(value)


def _plain(value: object, is_secret: bool) -> Any:
    """Return a value as it is kept; ``...`` for one that is not."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # JSON has no other numbers
    if hasattr(value, "__index__") and not getattr(value, "ndim", 0):
        return operator.index(value)
    text = str(value)
    if is_secret or holds_secret(text):
        return ...
    return without_users(clean(text))[:MOST_CHARACTERS]
