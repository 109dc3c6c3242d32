"""When Numba's compiled scanners read a log, and when Python does: the choice is invisible but for time."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

COMPILED_BYTES = 3 * 2**20
"""So much Python reads in the time that loading Numba and its compiled functions takes, half a second."""

_read_bytes = 0


def scanners(coming_bytes: int) -> Any | None:
    """Return the compiled scanners, once a process has enough to read for them; None before, or without Numba.

    Args:
        coming_bytes: How much is to be read now. Small logs add up: those of a fleet are soon enough.
    """
    global _read_bytes
    _read_bytes += coming_bytes
    return _load() if _read_bytes >= COMPILED_BYTES else None


@cache
def _load() -> Any | None:
    if not (find_spec("numba") and find_spec("numpy")):
        return None
    return import_module("milepost.histories.scanners")


def compiled(signature: Any) -> Callable[[F], F]:
    """Compile a function for one signature, or load it as it was compiled before.

    Numba keeps it in ``__pycache__`` beside its source, else in the user's cache folder (``NUMBA_CACHE_DIR`` names
    another). Where it can write to none of them, the function is compiled anew in every process.
    """
    from numba import njit

    def decorate(function: F) -> F:
        try:
            done: F = njit(signature, cache=True, nogil=True)(function)
        except (RuntimeError, OSError):
            done = njit(signature, nogil=True)(function)
        return done

    return decorate
