"""TensorBoard event files: https://github.com/tensorflow/tensorflow, ``event.proto`` and ``summary.proto``.

A folder's files are one run, in the order of their names, as TensorBoard reads them. Where training was restarted and
said so (``SessionLog.START``), what had been logged at its step or beyond is dropped, as TensorBoard drops it; so are,
in files of the format's first version, the points of a tag that lie at or beyond a step that went back.

An event's step counts as samples, which is what writers of reinforcement learning pass; where it counts something
else, ``--samples-column`` names the tag that tells samples. Values are float32, but for tensors of other types.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import ClassVar

from milepost.errors import MissingExtra
from milepost.histories.decoding.event_record import VERSION
from milepost.histories.decoding.tfrecord import is_record
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader


class TensorBoardReader(Reader):
    """Reads event files."""

    name: ClassVar[str] = "tensorboard"

    def claims(self, file: File) -> str | None:
        """Say whether a file's first record is an event that names its version."""
        if VERSION in file.head[:64]:
            return ""
        # Files of the format's beginnings tell no version: then their name and framing have to do.
        return "" if ".tfevents." in file.name and is_record(file.head) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of a folder's event files.

        Raises:
            HistoryError: They can't be read.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading event files")
        from milepost.histories.tables.event_rows import rows_of

        yield History(run=run, rows=lambda: rows_of(tuple(files), wanted))
