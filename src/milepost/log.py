"""Loggers: ``milepost.<module>``, silent until asked; ``MILEPOST_LOG=debug`` asks."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

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


class Once:
    """Warnings of the logger ``milepost.<module>`` that are given once each."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._said: set[str] = set()

    def warn(self, about: str, message: str, *values: object) -> None:
        """Warn, unless that has been done ``about`` the same before."""
        if about not in self._said:
            self._said.add(about)
            logger(self._module).warning(message, *values)


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
