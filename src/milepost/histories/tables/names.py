"""Names that columns which count and columns which tell time are known by."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from milepost.tracking.counting import SamplesUnit

OWN = "performance_threshold/samples"
"""What Milepost's own sinks write: taken only where nothing else counts, since it is told of the trainer's counter."""

SAMPLES = (
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
    "num_tokens",  # TRL
    "tokens_seen",
    "tokens",
    "total_tokens",
    "consumed_tokens",
    OWN,
)
"""What counts environment steps, examples or tokens, the first that is there and rises."""

STEPS = (
    "step",
    "global_step",
    "trainer/global_step",  # Lightning
    "train/global_step",  # Hugging Face's callbacks
    "iteration",
    "Iteration",  # Dopamine
    "iter",
    "iterations",
    "time/iterations",  # Stable-Baselines3
    "training_iteration",  # Ray
    "current_steps",  # LLaMA-Factory
    "num_updates",  # fairseq
    "_step",  # W&B: calls of log, unless the program says otherwise
)
"""A log's step of unknown meaning: ``global_step`` is environment steps in CleanRL and optimizer steps in Lightning and
Hugging Face. Taken, as steps, where nothing is known to count samples."""

EPOCHS = ("epoch", "epochs", "current_epoch")
"""Counted in where there is neither."""

ELAPSED = (
    "elapsed_seconds",
    "elapsed",
    "elapsed_time",
    "time_elapsed",
    "time/time_elapsed",  # Stable-Baselines3: progress.csv
    "overview/uptime",
    "_runtime",  # W&B
    "time_total_s",  # RLlib
    "train_time",  # modded-nanoGPT
    "accumulated_submission_time",  # AlgoPerf
    "train_runtime",  # Hugging Face Trainer: of its last row alone, but in TRL
    "elapsed_minutes",
    "elapsed_hours",
    "hours",
    "minutes",
    "time",  # Ultralytics; elsewhere that of an iteration
    "wall",  # fairseq
    "since_first_line",  # of text whose time stamps tell no date
)
"""Time since training began, the first that is there and goes as a clock does."""

WALL = ("wall_time", "_timestamp", "timestamp", "datetime", "wall_clock_time")
"""When a row was written, the first that is there: Unix time or ISO 8601."""

WEAK = frozenset({"hours", "minutes", "elapsed", "time", "datetime", "wall"})
"""Clocks by their whole name alone: as the last piece of another they name any duration (``audio/hours``)."""

ASIDE = frozenset({"eval", "evaluation", "evaluations", "val", "valid", "validation", "test", "testing", "buffer"})
"""What counts beside training, or not at all."""

PIECES = re.compile(r"[/.]")
WORDS = re.compile(r"[_\-\s]+")


def counters(columns: Sequence[str]) -> Iterator[tuple[str, SamplesUnit]]:
    """Yield the columns that may count, by their names alone, the likeliest first, with their unit."""
    units: tuple[tuple[Sequence[str], SamplesUnit], ...] = ((SAMPLES, "samples"), (STEPS, "steps"), (EPOCHS, "epochs"))
    for names, unit in units:
        for name in known(columns, names):
            yield name, unit


def known(columns: Sequence[str], names: Sequence[str], *, whole: frozenset[str] = frozenset()) -> list[str]:
    """Return the columns of known names, in their order: whole names first, then those whose last piece is one.

    Args:
        columns: Names of columns.
        names: Known names.
        whole: Those of them that are none as the last piece of another name.
    """
    return list(_known(tuple(columns), tuple(names), whole))


@lru_cache(maxsize=64)
def _known(columns: tuple[str, ...], names: tuple[str, ...], whole: frozenset[str]) -> tuple[str, ...]:
    """Return them; kept, since thousands of logs have the same columns."""
    every = frozenset(columns)
    found = [name for name in names if name in every and name != OWN]
    ranks = {name: rank for rank, name in enumerate(names) if name not in whole and name != OWN}
    pieced = []
    for at, column in enumerate(columns):
        pieces = PIECES.split(column)
        rank = ranks.get(pieces[-1])
        if rank is not None and len(pieces) > 1 and column not in found and not is_aside(column) and column != OWN:
            pieced.append((rank, len(pieces), at, column))
    found += [column for _, _, _, column in sorted(pieced)]
    if OWN in names and OWN in every:
        found.append(OWN)
    return tuple(found)


def is_aside(column: str) -> bool:
    """Say whether a column is one of an evaluation or a buffer, by the pieces before its last."""
    *before, _ = PIECES.split(column)
    return any(not ASIDE.isdisjoint(WORDS.split(piece.lower())) for piece in before)


def elapsed_clocks(columns: Sequence[str]) -> list[str]:
    """Return the columns that may tell elapsed time, by their names alone, the likeliest first."""
    return known(columns, ELAPSED, whole=WEAK)


def wall_clocks(columns: Sequence[str]) -> list[str]:
    """Return the columns that may tell wall time, by their names alone, the likeliest first."""
    return known(columns, WALL, whole=WEAK)


def positions(columns: Sequence[str]) -> list[str]:
    """Return all columns that may count or tell time, by their names alone."""
    every = [name for name, _ in counters(columns)] + elapsed_clocks(columns) + wall_clocks(columns)
    return list(dict.fromkeys(every))
