"""Names that columns which count and columns which tell time are known by: one table, for every format.

Names are compared without case, ``-``, ``_`` and spaces: ``TotalEnvInteracts`` is ``total-env-interacts``. A column is
known by its whole name, or by the last piece of it (``train/env_steps``), but for names that mean anything there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from milepost.tracking.counting import SamplesUnit

OWN = "performance_threshold/samples"
"""What Milepost's own sinks write: taken only where nothing else counts, since it is told of the trainer's counter."""

Kind = Literal["samples", "steps", "epochs", "elapsed", "wall"]


class Known(NamedTuple):
    """A name that a column is known by.

    Attributes:
        name: The name, as one of those writes it that have it.
        by: Who writes it so; empty where many do.
        is_loose: Whether it means something else elsewhere (``time`` may be that of an iteration): it is taken only
            where it never falls between process boundaries in all of the log, and that is said.
        is_alone: Whether it is known as a whole name only: as the last piece of another it names anything
            (``audio/hours``).
        is_of_one: Whether it is that of one batch or iteration elsewhere, which few rows don't tell from one since the
            start: of those it is taken only where it grows as it should.
    """

    name: str
    by: str = ""
    is_loose: bool = False
    is_alone: bool = False
    is_of_one: bool = False


def _of_one(name: str, by: str = "", *, is_alone: bool = False) -> Known:
    return Known(name, by, is_alone=is_alone, is_of_one=True)


def _loose(name: str, by: str = "") -> Known:
    return Known(name, by, is_loose=True)


def _alone(name: str, by: str = "", *, is_loose: bool = False) -> Known:
    return Known(name, by, is_loose, is_alone=True)


TABLE: Mapping[Kind, tuple[Known, ...]] = {
    "samples": (
        _of_one("samples"),
        Known("metric/agent_step", "mettagrid"),
        Known("agent_step"),
        _of_one("agent_steps", "PufferLib"),
        Known("env_step", "Tianshou"),
        _of_one("env_steps"),
        Known("total_env_steps", "garage"),
        Known("TotalEnvInteracts", "Spinning Up"),
        Known("num_env_steps"),
        Known("environment_steps"),
        Known("actor_steps", "Acme"),
        Known("CumSteps", "rlpyt"),
        _alone("exploration/num steps total", "rlkit"),
        _alone("Number of env steps total", "rlkit"),
        _alone("time/total_timesteps", "Stable-Baselines3"),
        Known("total_timesteps", "baselines"),
        Known("num_timesteps"),
        _of_one("timesteps"),
        Known("TimestepsSoFar", "baselines"),
        Known("timesteps_total", "RLlib, old stack"),
        Known("num_env_steps_sampled_lifetime", "RLlib, new stack"),
        Known("num_env_steps_sampled"),
        Known("samples_seen"),
        Known("num_samples_seen"),
        Known("consumed_samples", "Megatron, NeMo"),
        Known("consumed_train_samples"),
        Known("examples_seen"),
        Known("num_examples_seen"),
        _alone("time/sample", "Composer"),
        Known("num_input_tokens_seen", "Hugging Face Trainer"),
        _of_one("num_tokens", "TRL"),
        Known("tokens_seen"),
        Known("n_tokens_seen", "torchtitan"),
        _of_one("tokens"),
        _of_one("total_tokens"),
        Known("consumed_tokens"),
        _alone("time/token", "Composer"),
        Known("total_frames"),
        Known("num_frames"),
        Known("env_frames"),
        _loose("timestep"),
        _loose("frames", "rl-starter-files"),
        _loose("frame", "DrQ-v2"),
        Known(OWN),
    ),
    "steps": (
        Known("step"),
        Known("global_step", "CleanRL"),
        _alone("trainer/global_step", "Lightning"),
        _alone("train/global_step", "Hugging Face"),
        Known("global_steps"),
        Known("iteration", "Dopamine"),
        Known("iter"),
        Known("iterations"),
        _alone("time/iterations", "Stable-Baselines3"),
        Known("training_iteration", "Ray"),
        Known("current_steps", "LLaMA-Factory"),
        Known("num_updates", "fairseq"),
        Known("steps", "PFRL"),
        Known("total_steps"),
        Known("train_step"),
        Known("train_steps"),
        Known("training_step"),
        Known("training_steps"),
        _alone("time/batch", "Composer"),
        Known("_step", "W&B: calls of log"),
    ),
    "epochs": (Known("epoch"), Known("epochs"), Known("current_epoch")),
    "elapsed": (
        Known("elapsed_seconds"),
        _of_one("elapsed", is_alone=True),
        _of_one("elapsed_time"),
        Known("time_elapsed", "baselines"),
        _alone("time/time_elapsed", "Stable-Baselines3"),
        _alone("overview/uptime", "PufferLib"),
        Known("_runtime", "W&B"),
        Known("time_total_s", "RLlib"),
        Known("train_runtime", "Hugging Face Trainer: of its last row alone, but in TRL"),
        Known("accumulated_submission_time", "AlgoPerf"),
        Known("learner_walltime", "Acme"),
        Known("CumTime", "rlpyt"),
        _alone("time/total (s)", "rlkit"),
        _alone("Total Train Time (s)", "rlkit"),
        _alone("hours"),
        _alone("minutes"),
        _alone("total_time", "DrQ-v2", is_loose=True),
        _of_one("train_time", "modded-nanoGPT", is_alone=True),
        _alone("training_time", is_loose=True),
        _alone("duration", "rl-starter-files", is_loose=True),
        _alone("wall", "fairseq", is_loose=True),
        _alone("time", "Ultralytics, Spinning Up", is_loose=True),
        _alone("since_first_line", "Milepost: text whose time stamps tell no date"),
    ),
    "wall": (
        Known("wall_time", "TensorBoard's download"),
        Known("_timestamp", "W&B"),
        Known("timestamp"),
        _alone("datetime"),
        Known("wall_clock_time"),
        _alone("@timestamp"),
        _alone("asctime"),
        _alone("date"),
    ),
}
"""Of each kind, the likeliest first.

``samples`` are environment steps, examples or tokens. ``steps`` are a log's own, of unknown meaning: ``global_step`` is
environment steps in CleanRL and optimizer steps in Lightning and Hugging Face. They are taken where nothing is known to
count samples, and ``epochs`` where there is neither. ``elapsed`` is time since training began, with or without its unit
at its end (``elapsed_ms``); ``wall`` is when a row was written: Unix time or ISO 8601.
"""

ASIDE = frozenset({"eval", "evaluation", "evaluations", "val", "valid", "validation", "test", "testing", "buffer"})
"""What counts beside training, or not at all."""

PIECES = re.compile(r"[/.]")
WORDS = re.compile(r"[_\-\s]+")

UNIT = re.compile(
    r"(?:^|[-_./\s]|\s*[(\[]|(?<=[a-z])(?=[A-Z]))(?i:(?P<ms>ms|millis|milliseconds)|(?P<s>s|sec|secs|seconds)|"
    r"(?P<min>min|mins|minutes)|(?P<h>h|hr|hrs|hours))[)\]]?$"
)
"""How a name ends that tells the unit of a time."""

SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


def unit_seconds(name: str) -> float | None:
    """Return how many seconds the unit is that a name ends with; None where it ends with none."""
    found = UNIT.search(name)
    return None if found is None else SECONDS[found.lastgroup or ""]


def counters(columns: Sequence[str]) -> Iterator[tuple[str, SamplesUnit]]:
    """Yield the columns that may count, by their names alone, the likeliest first, with their unit."""
    for name in known(columns, "samples"):
        yield name, "samples"
    for name in known(columns, "steps"):
        yield name, "steps"
    for name in known(columns, "epochs"):
        yield name, "epochs"


def elapsed_clocks(columns: Sequence[str]) -> list[str]:
    """Return the columns that may tell elapsed time, by their names alone, the likeliest first."""
    return known(columns, "elapsed")


def wall_clocks(columns: Sequence[str]) -> list[str]:
    """Return the columns that may tell wall time, by their names alone, the likeliest first."""
    return known(columns, "wall")


def positions(columns: Sequence[str]) -> list[str]:
    """Return all columns that may count or tell time, by their names alone."""
    every = [name for name, _ in counters(columns)] + elapsed_clocks(columns) + wall_clocks(columns)
    return list(dict.fromkeys(every))


def known(columns: Sequence[str], kind: Kind) -> list[str]:
    """Return the columns of known names, in the table's order: whole names first, then last pieces."""
    return list(_known(tuple(columns), kind))


def is_loose(column: str) -> bool:
    """Say whether a column's name means something else elsewhere, so that it has to be proved by all of its log."""
    return any((found := _looked_up(column, kind)) is not None and found[1].is_loose for kind in get_args(Kind))


def is_of_one(column: str) -> bool:
    """Say whether a column's name is that of one batch or iteration elsewhere."""
    return any((found := _looked_up(column, kind)) is not None and found[1].is_of_one for kind in get_args(Kind))


def is_aside(column: str) -> bool:
    """Say whether a column is one of an evaluation or a buffer, by the pieces before its last."""
    *before, _ = PIECES.split(column)
    return any(not ASIDE.isdisjoint(WORDS.split(piece.lower())) for piece in before)


KINDS_OF_COUNTERS: tuple[tuple[Kind, int], ...] = (("samples", 0), ("steps", len(TABLE["samples"])))


def rank_of_counter(column: str) -> int | None:
    """Return how likely the last piece of a name counts samples or steps, from 0 on; None where it does not."""
    last = PIECES.split(column)[-1]
    for kind, above in KINDS_OF_COUNTERS:
        if (found := _looked_up(last, kind)) is not None:
            return above + found[0]
    return None


def described() -> str:
    """Return the table as Markdown, as ``docs/replay.md`` has it."""
    lines = ["| tells | names |", "| --- | --- |"]
    for kind, names in TABLE.items():
        shown = []
        for each in names:
            marks = ("*" if each.is_loose else "") + ("°" if each.is_alone else "") + ("†" if each.is_of_one else "")
            shown.append(f"`{each.name}`{marks}" + (f" ({each.by})" if each.by else ""))
        lines.append(f"| {kind} | {', '.join(shown)} |")
    return "\n".join(lines)


@lru_cache(maxsize=64)
def _known(columns: tuple[str, ...], kind: Kind) -> tuple[str, ...]:
    """Return them; kept, since thousands of logs have the same columns."""
    found = []
    for at, column in enumerate(columns):
        if (looked_up := _looked_up(column, kind)) is None:
            continue
        rank, entry, is_whole = looked_up
        if not is_whole and (entry.is_alone or is_aside(column)):
            continue
        pieces = 0 if is_whole else len(PIECES.split(column))
        found.append((entry.name == OWN, not is_whole, rank, pieces, column != entry.name, at, column))
    return tuple(column for *_, column in sorted(found))


@lru_cache(maxsize=4096)
def _looked_up(column: str, kind: Kind) -> tuple[int, Known, bool] | None:
    """Return the rank of a column's name in the table, its entry there, and whether it is known by its whole name."""
    own_key = _key(column)
    last = own_key.rpartition("/")[2]
    for key, is_whole in ((own_key, True), (last, False)):
        if key in RANKS[kind] and (is_whole or last != own_key):
            return *RANKS[kind][key], is_whole
    if kind in ("elapsed", "wall") and (unit := UNIT.search(column)) is not None and unit.start():
        return _looked_up(column[: unit.start()], kind)
    return None


def _key(name: str) -> str:
    """Return a name as it is compared: what W&B adds (``_step``) stays apart."""
    return ("_" if name.startswith("_") else "") + "/".join(
        WORDS.sub("", piece).lower() for piece in PIECES.split(name)
    )


RANKS = {kind: {_key(each.name): (rank, each) for rank, each in enumerate(names)} for kind, names in TABLE.items()}
