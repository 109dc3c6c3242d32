"""Sections of the configuration: what is wrong in one is said with the place, what was found, and what was expected."""

import re
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from milepost.errors import ConfigError, nearest, require
from milepost.tracking.thresholds import PerformanceThreshold

S = TypeVar("S", bound=msgspec.Struct)


SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")


def parse_duration(text: str, what: str) -> float:
    """Return the seconds of such as ``90m``, ``24h``, ``1h30m`` or ``2d``.

    Args:
        text: The duration.
        what: The flag or key that it was given for, for the message.

    Raises:
        ConfigError: It is no duration, or none at all.
    """
    fits = isinstance(text, str) and DURATION.fullmatch(text.strip()) is not None
    require(fits, what, text, "such as 90m, 24h, 1h30m or 2d")
    seconds = sum(float(part) * SECONDS[unit] for part, unit in re.findall(r"([\d.]+)([smhd])", text))
    require(seconds >= 1, what, text, "a second or more")
    return seconds


class Section(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the file: unknown keys are an error, and what is left at its default is not written back."""


def read_section(data: dict[str, Any], kind: type[S], name: str) -> S:
    """Turn a mapping into a section.

    Raises:
        ConfigError: It is not valid; says in what, where, what was found and what was expected.
    """
    try:
        _check(data, kind, "")
        return msgspec.convert(data, kind, strict=True)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_explained(error, data, kind)}") from error


def _check(data: Any, kind: Any, path: str) -> None:
    """Raise `ConfigError` for the first unknown key at or below ``path``, and for what a section says of itself."""
    options = _options(kind)
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if isinstance(data, str) and words and str not in options and data not in words:
        hint = nearest(data, words, cutoff=0.4, shown=repr)
        raise ConfigError(f"{path}: found {shown(data)}, expected {_named(options)}{hint}")
    for option in options:
        if get_origin(option) is tuple and isinstance(data, list):
            for index, each in enumerate(data):
                _check(each, get_args(option)[0], f"{path}[{index}]")
        elif isinstance(data, dict) and isinstance(option, type) and issubclass(option, msgspec.Struct):
            _check_keys(data, option, path)


def _check_keys(data: dict[str, Any], kind: type[msgspec.Struct], path: str) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key, value in data.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in fields:
            hint = nearest(str(key), fields, cutoff=0.4, shown=repr).replace("nearest", "nearest known key", 1)
            hint = hint or f"; known keys: {', '.join(fields)}"
            raise ConfigError(f"{where}: found an unknown key{hint}")
        _check(value, fields[key].type, where)
    for name, field in fields.items():
        if field.required and name not in data:
            raise ConfigError(f"{path}{': ' if path else ''}expected the key {name!r}, found none")
    if kind is PerformanceThreshold and data.get("half_life") is not None and "smoothing_factor" in data:
        raise ConfigError(f"{path}: found both smoothing_factor and half_life, expected one of them")


def _options(kind: Any) -> tuple[Any, ...]:
    """Return the types that a union is made of."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _named(options: tuple[Any, ...]) -> str:
    """Name what is expected as a person would."""
    names = []
    for option in options:
        if get_origin(option) is Literal:
            names += [repr(word) for word in get_args(option)]
        elif get_origin(option) is tuple:
            names.append("a list")
        elif option is not NoneType:
            names.append(_NAMES.get(option, "a mapping"))
    return " or ".join(names)


_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _explained(error: msgspec.ValidationError, data: Any, root: Any) -> str:
    """Say of msgspec's error where it is, what was found there and what was expected."""
    path = str(error).partition(" - at `$")[2].rstrip("`").lstrip(".")
    if isinstance(error.__cause__, ConfigError):  # a section that looked at its own fields
        return f"{path}.{error.__cause__}" if path else str(error.__cause__)
    found: Any = data
    kind: Any = root
    for step in re.findall(r"\w+", path):
        options = _options(kind)
        if isinstance(found, list):
            found = found[int(step)]
            kind = next(get_args(option)[0] for option in options if get_origin(option) is tuple)
        else:
            found = found[step]
            struct = next(each for each in options if isinstance(each, type) and issubclass(each, msgspec.Struct))
            kind = next(field.type for field in msgspec.structs.fields(struct) if field.name == step)
    return f"{path or 'the file'}: found {shown(found)}, expected {_named(_options(kind))}"


def shown(value: Any) -> str:
    """Return how to speak of a value: on one line, and without the address of a URL."""
    text = re.sub(r"://[^\s'\"]+", "://…", repr(value))  # which may hold a password or a token
    return text if len(text) <= 80 else text[:77] + "..."
