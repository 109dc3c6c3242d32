"""Readers that other packages add. What goes wrong in one is said, and costs no log but its own."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from milepost.errors import ConfigError, HistoryError, MilepostError
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.reader import File, NotRead, Reader
from milepost.log import logger
from milepost.plugins import Plugin


def added_reader(plugin: Plugin) -> Reader:
    """Return a plug-in's reader behind what keeps its faults to itself.

    Raises:
        ConfigError: It can't be loaded, and why.
    """
    fault = plugin.fault
    if plugin.adapter is not None:
        try:
            return AddedReader(plugin.adapter(), plugin.package)
        except Exception as error:  # noqa: BLE001 - another package's code
            fault = f"{type(error).__name__}: {error}"
    raise ConfigError(f"the reader {plugin.name!r} of {plugin.package} can't be loaded: {fault}")


class AddedReader(Reader):
    """Another package's reader.

    One that fails at saying what it `claims` is asked no more: what it would have read is of no known format then. A
    log that it fails at is left out.
    """

    name = ""  # that of the reader

    def __init__(self, reader: Reader, package: str) -> None:
        self._reader, self._package = reader, package
        self._has_failed = False
        for told in ("name", "joins", "splits", "schemes", "folders"):
            setattr(self, told, getattr(reader, told))

    def claims(self, file: File) -> str | None:
        """Ask it, as long as it has not failed."""
        if self._has_failed:
            return None
        try:
            return self._reader.claims(file)
        except (OSError, MilepostError, NotRead):
            raise
        except Exception:  # noqa: BLE001 - another package's code
            self._has_failed = True
            logger("histories").warning(
                "the reader %r of %s is left out: it failed at %s",
                *(self.name, self._package, file.path),
                exc_info=True,
            )
            return None

    def identity(self, path: str) -> str | None:
        """Ask it what run a file tells of, as long as it has not failed."""
        if self._has_failed:
            return None
        try:
            return self._reader.identity(path)
        except MilepostError:
            raise
        except Exception as error:
            raise self._failed((path,), error) from error

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield what it does.

        Raises:
            HistoryError: It failed, or has something to say of the log.
        """
        try:
            for history in self._reader.histories(files, run, wanted):
                yield self._careful(history, files)
        except MilepostError:
            raise
        except Exception as error:
            raise self._failed(files, error) from error

    def _careful(self, history: History, files: Sequence[str]) -> History:
        """Return a run whose rows are read with the same care."""

        def rows(*needed: Any) -> Iterator[Rows]:
            try:
                yield from history.rows(*needed)
            except MilepostError:
                raise
            except Exception as error:
                raise self._failed(files, error) from error

        axes = tuple(self._careful(axis, files) for axis in history.axes)
        return msgspec.structs.replace(history, rows=rows, axes=axes)

    def _failed(self, files: Sequence[str], error: Exception) -> HistoryError:
        reader = f"the reader {self.name!r} of {self._package}"
        return HistoryError(f"{files[0]}: {reader} failed: {type(error).__name__}: {error}")
