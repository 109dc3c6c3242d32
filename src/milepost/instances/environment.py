"""Reading values out of environment variables: what is malformed is warned about, and gives way."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from milepost.log import logger

T = TypeVar("T")

TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")


def read(environ: Mapping[str, str], name: str, parse: Callable[[str], T | None], expected: str) -> T | None:
    """Return what a variable holds, or None, with a warning, where it is malformed: where ``parse`` returns None."""
    text = environ.get(name)
    if text is None:
        return None
    value = parse(text.strip())
    if value is None:
        warn(name, text, expected)
    return value


def read_number(environ: Mapping[str, str], *names: str, least: int) -> tuple[int | None, str | None]:
    """Return the whole number, ``least`` (0 or 1) or more, that the first variable to tell one holds, and its name."""
    for name in names:
        number = read(environ, name, count if least else whole, f"a whole number, {least} or more")
        if number is not None:
            return number, name
    return None, None


def least_rank(outer: int, inner: int, size: int | None) -> int:
    """Return the rank over all of what is number ``inner`` in a node or Job that is number ``outer``.

    Args:
        outer: The node's or Job's number, from 0.
        inner: The number within it, from 0.
        size: How many there are in each; where that is not known, the least that there can be.
    """
    return outer * max(size or 0, inner + 1) + inner


def warn(name: str, found: str, expected: str) -> None:
    """Warn that a variable holds something else than expected."""
    shown = repr(found[:80]) + ("…" if len(found) > 80 else "")
    logger("instances").warning("%s: found %s, expected %s; it is passed over", name, shown, expected)


def text(value: str) -> str | None:
    """Parse text: anything on one line but nothing."""
    return value if value and value.isprintable() else None


def lower(value: str) -> str | None:
    """Parse a name that is written in lower case."""
    return text(value.lower())


def truth(value: str) -> bool | None:
    """Parse a yes or no."""
    return True if value.lower() in TRUE else False if value.lower() in FALSE else None


def count(value: str) -> int | None:
    """Parse a whole number, 1 or more."""
    number = whole(value)
    return number if number else None


def whole(value: str) -> int | None:
    """Parse a whole number, 0 or more."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def share(value: str) -> float | None:
    """Parse a part, above 0 and up to 1."""
    try:
        part = float(value)
    except ValueError:
        return None
    return part if 0 < part <= 1 else None


def visible_gpus(value: str) -> int | None:
    """Count the GPUs of ``CUDA_VISIBLE_DEVICES``; None where they are not whole GPUs (MIG) or are listed twice.

    Those after the first invalid entry, such as -1 or ``NoDevFiles``, are not visible:
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#env-vars
    """
    devices: list[str] = []
    for device in (each.strip() for each in value.split(",")):
        if device.startswith("MIG-"):
            return None
        if not (device.isascii() and device.isdigit()) and not device.startswith("GPU-"):
            break
        devices.append(device)
    return len(devices) if len(set(devices)) == len(devices) else None
