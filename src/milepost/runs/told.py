"""What a program says of its run, taken by what it can be: text, a seed, tags, settings; else refused by name."""

import operator
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from milepost.errors import ConfigError, require
from milepost.text import clean

MOST = 2**63
"""Databases take whole numbers below this."""


def as_text(field: str, told: object) -> str | None:
    """Return what a name is: any text, number or path.

    Raises:
        ConfigError: It is no such thing.
    """
    if told is None or isinstance(told, bytes | Mapping | list | tuple | set):
        require(told is None, field, told, "text")
        return None
    try:
        return clean(str(told))
    except Exception as error:
        raise ConfigError(f"{field}: found {_shown(told)} that can't be written as text, expected text") from error


def as_seed(told: object) -> int | None:
    """Return a seed: any whole number, NumPy's and torch's too.

    Raises:
        ConfigError: It is none, or more than a database takes.
    """
    if told is None:
        return None
    try:
        seed = int(operator.index(told))  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):  # the last of a tensor
        raise ConfigError(f"seed: found {_shown(told)}, expected a whole number") from None
    require(-MOST <= seed < MOST, "seed", seed, "a whole number of at most 63 bits")
    return seed


def as_tags(told: object) -> tuple[str, ...]:
    """Return tags: a text is one.

    Raises:
        ConfigError: It is neither text nor several.
    """
    if told is None:
        return ()
    if isinstance(told, str):
        return (clean(told),)
    require(isinstance(told, Iterable) and not isinstance(told, bytes | Mapping), "tags", told, "several texts")
    return tuple(text for each in told if (text := as_text("tags", each)) is not None)  # type: ignore[attr-defined]


def as_settings(told: object) -> Mapping[Any, object]:
    """Return settings as a mapping: that of a Namespace, a dataclass or a struct is its fields.

    Raises:
        ConfigError: It has no fields.
    """
    if told is None:
        return {}
    if isinstance(told, Mapping):
        return told
    if (fields := fields_of(told)) is not None:
        return fields
    raise ConfigError(f"run_config: found {_shown(told)}, expected a mapping, a Namespace or a dataclass")


def fields_of(told: object) -> Mapping[str, object] | None:
    """Return the fields of a Namespace, a dataclass, a struct or a Pydantic model; None of anything else."""
    if isinstance(told, type):
        return None
    argparse, dataclasses = sys.modules.get("argparse"), sys.modules.get("dataclasses")  # imported by whose it is
    if argparse is not None and isinstance(told, argparse.Namespace):
        return dict(vars(told))
    if dataclasses is not None and dataclasses.is_dataclass(told):
        return {each.name: getattr(told, each.name, None) for each in dataclasses.fields(told)}
    if isinstance(told, msgspec.Struct):
        return msgspec.structs.asdict(told)
    if isinstance(names := getattr(type(told), "model_fields", None), Mapping):
        return {name: getattr(told, name, None) for name in names}
    return None


def _shown(told: object) -> str:
    """Return what was found, for a message: of what may be anything, its kind alone."""
    return repr(told) if isinstance(told, str | float | bytes) else f"a {type(told).__name__}"
