"""Loggers: ``milepost.<module>``, silent until asked; ``MILEPOST_LOG=debug`` asks."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections import Counter

_configured = False
_is_gathering = False


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

NO_MORE = " (so of further runs: no more is said)"


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
            if self._counts[about] > MOST_RUNS and not _is_gathering:
                return
            message += NO_MORE if self._counts[about] == MOST_RUNS and not _is_gathering else ""
        if self._run is None:
            logger(self._module).warning(message, *values)
        else:
            logger(self._module).warning(f"%s: {message}", self._run, *values)


def cause_of(text: str, of: str = "") -> str:
    """Return what a message has in common with those that say the same of others.

    Args:
        text: The message.
        of: What it is said of, such as a path.
    """
    text = text.replace(of, "") if of else text
    before, colon, rest = text.partition(": ")
    text = rest if colon and ("/" in before or " " not in before) else text
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d[\d.,]*", "#", text.removesuffix(NO_MORE))


def cause_of_record(record: "logging.LogRecord") -> str:
    """Return what a record has in common with those that say the same of others."""
    known: str | None = getattr(record, "cause", None)
    if known is not None:
        return known
    of = record.args[0] if isinstance(record.args, tuple) and record.args and record.msg != "%s" else ""
    return cause_of(record.getMessage(), of if isinstance(of, str) else "")


@contextmanager
def gathered() -> Iterator[None]:
    """Hold back the warnings that are shown, and show those that say the same of many as one, with their count."""
    import logging

    global _is_gathering
    root = logging.getLogger("milepost")
    shown = root.handlers[:]
    first: dict[tuple[str, str], logging.LogRecord] = {}
    counts: dict[tuple[str, str], int] = {}

    class Gathering(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno != logging.WARNING:
                _to(shown, record)
                return
            key = record.name, cause_of_record(record)
            first.setdefault(key, record)
            counts[key] = counts.get(key, 0) + 1

    root.handlers[:] = [Gathering()]
    before, _is_gathering = _is_gathering, True
    try:
        yield
    finally:
        root.handlers[:] = shown
        _is_gathering = before
        for key, record in first.items():
            if (more := counts[key] - 1) > 0:
                record.msg, record.args = f"{record.getMessage().removesuffix(NO_MORE)} (likewise {more:,} more)", ()
            _to(shown, record)


def _to(handlers: "list[logging.Handler]", record: "logging.LogRecord") -> None:
    for handler in handlers:
        if record.levelno >= handler.level:
            handler.handle(record)


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
