"""Loggers: ``milepost.<module>``, silent until asked; ``MILEPOST_LOG=debug`` asks."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections import Counter

_configured = False


def logger(module: str) -> "logging.Logger":
    """Return the logger ``milepost.<module>``.

    Called when there is something to say and not before: `logging` is not cheap to import.
    """
    import logging

    global _configured
    if not _configured:
        _configured = True
        logging.getLogger("milepost").addHandler(logging.NullHandler())
        if level := os.environ.get("MILEPOST_LOG"):
            _show(level)
    return logging.getLogger(f"milepost.{module}")


MOST_RUNS = 10
"""Of so many runs the same is said, where many are told of."""


class Once:
    """Warnings of the logger ``milepost.<module>`` that are given once each.

    Args:
        module: The module.
        run: Id of the run that they are of, where several are told of.
        counts: How many runs have been warned of, by what about: of the same of more than `MOST_RUNS`, nothing more is
            said.
    """

    def __init__(self, module: str, run: str | None = None, counts: "Counter[str] | None" = None) -> None:
        self._module = module
        self._run, self._counts = run, counts
        self._said: set[str] = set()

    def has(self, about: str) -> bool:
        """Say whether a warning was given ``about`` this."""
        return about in self._said

    def warn(self, about: str, message: str, *values: object) -> None:
        """Warn, unless that has been done ``about`` the same before."""
        if about in self._said:
            return
        self._said.add(about)
        if self._counts is not None:
            self._counts[about] += 1
            if self._counts[about] > MOST_RUNS:
                return
            message += " (so of further runs: no more is said)" if self._counts[about] == MOST_RUNS else ""
        if self._run is None:
            logger(self._module).warning(message, *values)
        else:
            logger(self._module).warning(f"%s: {message}", self._run, *values)


def show_warnings() -> None:
    """Write warnings to standard error, or what ``MILEPOST_LOG`` asks for: a command has somebody who reads them."""
    global _configured
    _configured = True
    _show(os.environ.get("MILEPOST_LOG") or "warning")


def _show(level: str) -> None:
    """Write messages of ``level`` and above to standard error; an unknown level means ``warning``."""
    import logging

    root = logging.getLogger("milepost")
    known = logging.getLevelNamesMapping()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(known.get(level.upper(), logging.WARNING))
    root.propagate = False
