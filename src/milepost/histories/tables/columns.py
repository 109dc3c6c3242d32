"""Which columns of a table count samples and tell time: by flag, else by names that mean nothing else."""

import re
from collections.abc import Sequence

import msgspec

from milepost.errors import HistoryError, nearest
from milepost.histories.history import SECONDS, Wanted

SAMPLES = (
    "performance_threshold/samples",  # what Milepost's own sinks write
    "samples",
    "metric/agent_step",  # mettagrid
    "agent_step",
    "agent_steps",
    "overview/agent_steps",  # PufferLib
    "env_step",  # Tianshou
    "env_steps",
    "total_env_steps",
    "num_env_steps",
    "environment_steps",
    "time/total_timesteps",  # Stable-Baselines3: progress.csv
    "total_timesteps",
    "timesteps",
    "timesteps_total",  # RLlib, old stack
    "num_env_steps_sampled_lifetime",  # RLlib, new stack
    "num_env_steps_sampled",
    "samples_seen",
    "num_samples_seen",
    "consumed_samples",  # Megatron, NeMo
    "consumed_train_samples",
    "examples_seen",
    "num_examples_seen",
    "num_input_tokens_seen",  # Hugging Face Trainer
    "train/num_input_tokens_seen",
    "tokens_seen",
    "tokens",
    "total_tokens",
    "consumed_tokens",
)
"""What counts environment steps, examples or tokens, the first that is there.

Left out on purpose: ``step``, ``_step``, ``global_step``, ``trainer/global_step``, ``iteration``, ``epoch``. They count
optimizer steps as often as anything else (``global_step`` is environment steps in CleanRL and optimizer steps in
Lightning and Hugging Face), so they are taken where `--samples-column` says so, and not silently.
"""

ELAPSED = (
    "elapsed_seconds",
    "elapsed",
    "elapsed_time",
    "time_elapsed",
    "time/time_elapsed",  # Stable-Baselines3: progress.csv
    "overview/uptime",
    "_runtime",  # W&B
    "time_total_s",  # RLlib
    "elapsed_minutes",
    "elapsed_hours",
    "hours",
    "minutes",
)
"""Time since training began, the first that is there."""

WALL = ("wall_time", "_timestamp", "timestamp", "datetime", "wall_clock_time")
"""When a row was written, the first that is there: Unix time or ISO 8601."""

UNITS = (
    (re.compile(r"(^|[_./ ])(ms|millis|milliseconds)$"), 1e-3),
    (re.compile(r"(^|[_./ ])(s|sec|secs|seconds)$"), 1.0),
    (re.compile(r"(^|[_./ ])(min|mins|minutes)$"), 60.0),
    (re.compile(r"(^|[_./ ])(h|hr|hrs|hours)$"), 3600.0),
)

SHOWN = 30
"""How many columns a message names."""


class TimeColumn(msgspec.Struct, frozen=True):
    """A column that tells time.

    Attributes:
        name: What it is called.
        unit_seconds: How long its unit is; None where neither flag nor name says.
        elapsed: Whether it is known to count from the start of training; else its values tell.
    """

    name: str
    unit_seconds: float | None
    elapsed: bool


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a table that are no metrics.

    Attributes:
        samples: What counts samples.
        times: What tells time: elapsed, wall time, both or neither.
        run: What tells runs apart.
    """

    samples: str | None
    times: tuple[TimeColumn, ...]
    run: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all of them."""
        named = (self.samples, *(time.name for time in self.times), self.run)
        return tuple(dict.fromkeys(name for name in named if name is not None))


def choose(where: str, columns: Sequence[str], wanted: Wanted, *, counts: bool = True) -> Chosen:
    """Choose the columns of a table that are no metrics.

    Args:
        where: What messages call the table.
        columns: Names of its columns.
        wanted: What the flags say.
        counts: Whether it must count samples.

    Raises:
        HistoryError: A column that a flag names is not there, or none of a known name counts samples.
    """
    samples = _flagged(where, columns, wanted.samples_column, "--samples-column")
    if samples is None:
        samples = next((name for name in SAMPLES if name in columns), None)
    if samples is None and counts:
        raise HistoryError(
            f"{where}: no column is known to count samples (environment steps, examples or tokens; a step of the "
            f"optimizer is none); found {shown(columns)}; say which does with --samples-column"
        )
    run = _flagged(where, columns, wanted.run_column, "--run-column")
    return Chosen(samples=samples, times=_times(where, columns, wanted), run=run)


def shown(columns: Sequence[str]) -> str:
    """Return names of columns as a message shows them."""
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return (", ".join(repr(name) for name in columns[:SHOWN]) or "no column") + more


def _times(where: str, columns: Sequence[str], wanted: Wanted) -> tuple[TimeColumn, ...]:
    """Choose what tells time."""
    unit = None if wanted.time_unit is None else SECONDS[wanted.time_unit]
    flagged = _flagged(where, columns, wanted.time_column, "--time-column")
    if flagged is not None:
        return (TimeColumn(flagged, unit or _unit(flagged), elapsed=flagged in ELAPSED),)
    elapsed = next((name for name in ELAPSED if name in columns), None)
    wall = next((name for name in WALL if name in columns), None)
    found = [] if elapsed is None else [TimeColumn(elapsed, unit or _unit(elapsed) or 1.0, elapsed=True)]
    if wall is not None:
        found.append(TimeColumn(wall, None if elapsed else unit, elapsed=False))
    return tuple(found)


def _flagged(where: str, columns: Sequence[str], name: str | None, flag: str) -> str | None:
    """Return the column that a flag names.

    Raises:
        HistoryError: It is not there; names the nearest.
    """
    if name is None or name in columns:
        return name
    hint = nearest(name, columns, shown=repr)
    raise HistoryError(f"{where}: {flag} names {name!r}, found {shown(columns)}{hint}")


def _unit(name: str) -> float | None:
    """Return how many seconds the unit is that a name ends with."""
    return next((seconds for pattern, seconds in UNITS if pattern.search(name.lower())), None)
