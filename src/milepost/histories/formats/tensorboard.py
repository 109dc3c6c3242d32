"""TensorBoard event files: https://github.com/tensorflow/tensorflow, ``event.proto`` and ``summary.proto``.

A folder's files are one run, in the order in which they were written. A writer's opening is when its process began;
a further file goes on with the run, as does a session that says so (``SessionLog.START``, ``purge_step``). What was
logged before it at the same steps stays: it was trained and observed, and the tracker judges a count that goes back.

A tag of a known name (``…/num_env_steps_sampled_lifetime``) counts samples, or the one that ``--samples-column`` names.
Else counts are the events' own steps, and called so. A tag of a known name (``…/time_elapsed``) tells elapsed time,
where it goes as a clock does; else wall time does. Values are float32, but for tensors of other types.

Of a run of Guild AI's (``.guild``) what lies beside its event files tells its id, flags, start and end.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import ClassVar

import msgspec

from milepost.errors import MissingExtra
from milepost.histories.decoding.event_record import VERSION
from milepost.histories.decoding.guild_attributes import guild_facts
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
            HistoryError: The tag that is said to count samples is not there.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading event files")
        from milepost.histories.tables.event_log import EventLog

        history = EventLog(files, wanted).history(run)
        yield msgspec.structs.replace(history, **guild_facts(files[0]))
