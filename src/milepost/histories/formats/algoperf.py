"""AlgoPerf: a trial's folder, as its runner writes it.

https://github.com/mlcommons/algorithmic-efficiency, ``algoperf/logger_utils.py`` and ``submission_runner.py``:
``measurements.csv`` (and ``eval_measurements.csv``, of its evaluations alone) with a row a measurement,
``meta_data_0.json`` of the workload and the machine, ``flags_0.json``, ``hparams.json``, event files. What is scored is
``accumulated_submission_time``: the submission's own seconds, without evaluations and logging. ``global_step`` counts
steps, and how many examples one has is told nowhere. A run that was preempted goes on from its checkpoint, its time
with it.

The workload's own target is that of ``workload.target_metric_name`` on the validation split. No file tells whether it
is to be met from above or below: ``scoring/performance_profile.py`` names the metrics that are minimised.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, blocks, read_whole
from milepost.histories.decoding.folder_files import beside
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.row_table import RowTable, seed_of

NAMES = ("measurements.csv", "eval_measurements.csv")
TIME, STEP = "accumulated_submission_time", "global_step"
MAX_JSON_BYTES = 2**20
WORKLOAD = "workload."

MINIMISED = {"ce_loss", "error_rate", "ctc_loss", "wer", "l1_loss", "loss", "ppl"}
MAXIMISED = {"mean_average_precision", "ssim", "accuracy", "bleu"}


class AlgoPerfReader(Reader):
    """Reads the measurements of AlgoPerf's trials."""

    name: ClassVar[str] = "algoperf"

    def claims(self, file: File) -> str | None:
        """Say whether a file is a table of a trial: its tables are one log."""
        if file.name not in NAMES:
            return None
        header = file.head.removeprefix(BOM).split(b"\n")[0].decode("utf-8", "replace").strip("\r").split(",")
        return "" if {TIME, STEP} <= set(header) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of a trial: of ``measurements.csv``, which holds all that the other table does.

        Raises:
            HistoryError: It has no rows, or a flag names what it has not.
        """
        if wanted.time_column is None:
            wanted = msgspec.structs.replace(wanted, time_column=TIME)
        path = max(files, key=lambda file: file.rpartition("/")[2] == NAMES[0])
        yield from histories_of(Measurements(path), run, wanted, **_told(path))


class Measurements(RowTable):
    """A table of a trial.

    Args:
        path: Its file.
    """

    def __init__(self, path: str) -> None:
        self.where = path
        self.open()

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield the rows: what is empty was not measured."""
        names: list[str] = []
        cut_short = 0
        for line in self._fields():
            if not names:
                names = line
                continue
            row = dict(zip(names, line, strict=False))
            if len(line) != len(names):
                cut_short += 1
                continue
            told = {name: number(text) for name, text in row.items() if wanted is None or name in wanted}
            yield {name: _whole(value) for name, value in told.items() if value is not None}
        if cut_short:
            self.warn("%s: %d rows don't have the fields of its header; not read", self.where, cut_short)

    def _fields(self) -> Iterator[list[str]]:
        try:
            yield from csv.reader(_lines(self.where))
        except csv.Error as error:
            raise HistoryError(f"{self.where}: found {error}, expected names and numbers") from error


def _lines(path: str) -> Iterator[str]:
    for block in blocks(path):
        for line in block.data.removeprefix(BOM).replace(b"\0", b"").decode("utf-8", "replace").splitlines():
            if line.strip():
                yield line


def _whole(value: float) -> float | int:
    """Return a number as a whole one where it is: a column that is sometimes empty is written with a point."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _told(path: str) -> dict[str, Any]:
    """Return what the files beside a table tell of its trial."""
    about, flags = (_object(beside(path, name)) for name in ("meta_data_0.json", "flags_0.json"))
    config: dict[str, Any] = {}
    flatten(_object(beside(path, "hparams.json")), "", config, None, MAX_DEPTH)
    config |= {name: value for name, value in about.items() if name.startswith(WORKLOAD) or name == "rng_seed"}
    for name in ("workload", "framework", "tuning_ruleset", "submission_path"):
        if name in flags:
            config[name] = flags[name]
    config = {name: value for name, value in config.items() if isinstance(value, (str, int, float, bool))}
    told: dict[str, Any] = {"config": config, "seed": seed_of({"seed": config.get("rng_seed")})}
    if isinstance(config.get("workload"), str):
        told["group"] = config["workload"]
    if (target := own_target(about)) is not None:
        told["notes"] = (f"the workload's own target is {target!r} (--threshold)",)
    return told


def own_target(about: Mapping[str, Any]) -> str | None:
    """Return the target that a workload has for its own, as a threshold; None where it tells none."""
    metric, target = about.get(f"{WORKLOAD}target_metric_name"), about.get(f"{WORKLOAD}validation_target_value")
    if not isinstance(metric, str) or isinstance(target, bool) or not isinstance(target, (int, float)):
        return None
    if metric not in MINIMISED | MAXIMISED:
        return None
    return f"validation/{metric} {'<=' if metric in MINIMISED else '>='} {target:.15g}"


def _object(path: str) -> dict[str, Any]:
    """Return the object of a file beside a table; nothing where there is none."""
    try:
        found = json.loads(read_whole(path, MAX_JSON_BYTES))
    except (HistoryError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
