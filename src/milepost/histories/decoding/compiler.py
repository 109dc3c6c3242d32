"""When Numba's compiled scanners read a log, and when Python does: the choice is invisible but for time."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

from milepost.log import logger

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
    return load("milepost.histories.decoding.scanners") if _read_bytes >= COMPILED_BYTES else None


@cache
def load(module: str) -> Any | None:
    """Return a module of compiled functions; None where Numba is not there, or refuses what is (a newer NumPy)."""
    if not (find_spec("numba") and find_spec("numpy")):
        return None
    try:
        return import_module(module)
    except ImportError as error:
        logger("histories").debug("nothing is compiled: %s", error)
        return None


def _let_it_go_unkept(function: Any) -> None:
    """Have a function that is compiled when it is called run also where the disk has become full by then."""
    save = function._cache.save_overload

    def try_to_save(*args: Any) -> None:
        with suppress(OSError):
            save(*args)

    function._cache.save_overload = try_to_save


def compiled(signature: Any = None, **options: Any) -> Callable[[F], F]:
    """Compile a function, or load it as it was compiled before.

    Numba keeps it in ``__pycache__`` beside its source, else in the user's cache folder (``NUMBA_CACHE_DIR`` names
    another). Where it can write to none of them, the function is compiled anew in every process.

    Args:
        signature: The one signature for which it is compiled at once; else it is when it is called.
        options: Options of Numba's ``njit``.
    """
    from numba import njit

    def decorate(function: F) -> F:
        try:
            done = njit(signature, cache=True, nogil=True, **options)(function)
        except (RuntimeError, OSError):
            done = njit(signature, nogil=True, **options)(function)
        else:
            _let_it_go_unkept(done)
        compiled_function: F = done
        return compiled_function

    return decorate
