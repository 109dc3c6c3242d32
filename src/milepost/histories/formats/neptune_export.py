"""What neptune-exporter saved of Neptune's runs: https://github.com/neptune-ai/neptune-exporter, ``model.py``.

``PROJECT/RUN_part_N.parquet`` has a row for each value of a series, with its step (decimal) and its time, and a row for
each setting. A null of a series is a NaN: that is what pandas made of it. Of a forked run it has what came after.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import IO, Any, ClassVar

import polars

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.files import opened
from milepost.histories.decoding.neptune_operations import OF_NEPTUNE
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.row_table import refuse, seed_of

MAGIC = b"PAR1"
PART = re.compile(r"^(?:(?P<run>.+)_)?part_\d+\.parquet$")
COLUMNS = ("project_id", "run_id", "attribute_path", "attribute_type", "step", "timestamp", "float_value")
SETTINGS = ("int_value", "float_value", "bool_value", "string_value", "datetime_value")
SERIES = "float_series"

CREATED, EXPERIMENT, PARENT = "sys/creation_time", "sys/name", "sys/forking/parent"


class NeptuneExportReader(Reader):
    """Reads what neptune-exporter saved."""

    name: ClassVar[str] = "neptune-export"

    def claims(self, file: File) -> str | None:
        """Say whether a file is called as the exporter calls them, and has its columns."""
        if not file.head.startswith(MAGIC) or (part := PART.match(file.name)) is None:
            return None
        with _reading(file.path) as parquet:
            return (part["run"] or "") if polars.read_parquet_schema(parquet).keys() >= set(COLUMNS) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run, or the runs, each under its own id below its project.

        Raises:
            MissingExtra: NumPy is not installed.
            HistoryError: It can't be read.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading Neptune's runs")
        series: dict[str, list[polars.DataFrame]] = {}
        settings: dict[str, dict[str, Any]] = {}
        for path in files:
            with _reading(path) as parquet:
                told = [name for name in polars.read_parquet_schema(parquet) if name in {*COLUMNS, *SETTINGS}]
                parquet.seek(0)
                data = polars.read_parquet(parquet, columns=told, use_pyarrow=False)
            for (project, name), rows in data.group_by("project_id", "run_id", maintain_order=True):
                key = f"{project}/{name}"
                is_series = rows["attribute_type"] == SERIES
                series.setdefault(key, []).append(_points(rows.filter(is_series)))
                settings.setdefault(key, {}).update(_settings(rows.filter(~is_series)))
        for key, parts in series.items():
            try:
                yield _history(files[0], key, polars.concat(parts), settings[key], wanted)
            except HistoryError as error:
                yield History(run=key, rows=partial(refuse, error))


@contextmanager
def _reading(path: str) -> "Iterator[IO[bytes]]":
    """Open a file, and turn what is raised of a broken one into a `HistoryError`."""
    try:
        with opened(path) as file:
            yield file
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError) as error:
        raise HistoryError(f"{path}: is no whole Parquet file: {str(error).splitlines()[0]}") from error


def _history(where: str, run: str, points: polars.DataFrame, settings: Mapping[str, Any], wanted: Wanted) -> History:
    """Return a run.

    Raises:
        HistoryError: It logged nothing, or a flag names what it does not have.
    """
    from milepost.histories.tables.decimal_steps import DecimalPoints, in_whole_steps
    from milepost.histories.tables.key_points import KeyPoints

    if points.is_empty():
        raise HistoryError(f"{where}: run {run}: found nothing that was logged, expected series of numbers")
    by_key = points.partition_by("path", as_dict=True, include_key=False, maintain_order=True)
    whole, notes = in_whole_steps(
        {str(key): DecimalPoints(*(column.to_numpy() for column in each)) for (key,), each in by_key.items()}
    )
    config = {name: value for name, value in settings.items() if not name.startswith(OF_NEPTUNE)}
    if (parent := settings.get(PARENT)) is not None:
        notes += (f"forked from {parent}: what that one had come to is not in this run",)
    created, group = settings.get(CREATED), settings.get(EXPERIMENT)
    return KeyPoints(f"{where}: run {run}", whole, wanted).history(
        run,
        notes=notes,
        config=config,
        seed=seed_of(config),
        group=group if isinstance(group, str) else None,
        started_at=created.timestamp() if isinstance(created, datetime) else None,
    )


def _points(rows: polars.DataFrame) -> polars.DataFrame:
    """Return values of series: their paths, times, whole steps and the rest of them, and what they are."""
    step = polars.col("step")
    return rows.drop_nulls("step").select(
        polars.col("attribute_path").cast(polars.String).alias("path"),
        polars.col("timestamp").dt.epoch("ms").cast(polars.Float64).fill_null(float("nan")).alias("times"),
        step.cast(polars.Int64).alias("steps"),
        (step.cast(polars.Float64) % 1.0 != 0).cast(polars.Int64).alias("parts"),
        polars.col("float_value").cast(polars.Float64).fill_null(float("nan")).alias("values"),
    )


def _settings(rows: polars.DataFrame) -> dict[str, Any]:
    """Return what was told once of a run."""
    told = [name for name in SETTINGS if name in rows.columns]
    found: dict[str, Any] = {}
    for path, *values in rows.select("attribute_path", *told).iter_rows():
        value = next((each for each in values if each is not None), None)
        if value is not None:
            found[str(path)] = value
    return found
