"""Stable-Baselines3: ``evaluations.npz``, as ``EvalCallback`` writes it.

https://github.com/DLR-RM/stable-baselines3, ``common/callbacks.py``: ``timesteps`` (environment steps), ``results`` and
``ep_lengths`` (a row an evaluation, a column an episode), ``successes`` where the environment tells them. The metrics
have the names and the means that ``EvalCallback`` logs at the same time.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.files import stem
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.reader import File, Reader

METRICS = {
    "results": "eval/mean_reward",
    "ep_lengths": "eval/mean_ep_length",
    "successes": "eval/success_rate",
}
UNTIMED = "evaluations.npz tells no time; a log of the same run that does, such as progress.csv, has minutes"


class EvaluationsReader(Reader):
    """Reads ``evaluations.npz``."""

    name: ClassVar[str] = "sb3-evaluations"

    def claims(self, file: File) -> str | None:
        """Say whether a file is an archive whose first array is the one that `EvalCallback` writes first."""
        if not file.head.startswith(b"PK\x03\x04"):
            return None
        named = file.name == "evaluations.npz"
        return stem(file.name) if named or file.head[30:].startswith(b"timesteps.npy") else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file.

        Raises:
            MissingExtra: NumPy is not installed.
            HistoryError: It can't be read without pickle, is broken, or lacks ``timesteps`` or ``results``; or a flag
                names something else than these.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading .npz files")
        from milepost.histories.decoding.npz import read_arrays
        from milepost.histories.tables.flags import passed_over, refuse_others

        for file in files:
            refuse_others(file, wanted, samples="timesteps", time=None)
            arrays = read_arrays(file, ("timesteps", *METRICS))
            rows = _rows(file, arrays, wanted)
            told = tuple(metric for name, metric in METRICS.items() if name in arrays)
            yield History(
                run=run,
                rows=partial(iter, [rows]),
                metrics=told,
                samples_source="timesteps",
                untimed_because=UNTIMED,
                notes=passed_over(wanted, "timesteps"),
            )


def _rows(file: str, arrays: dict[str, Any], wanted: Wanted) -> Rows:
    """Return the evaluations of a file."""
    import numpy

    if "timesteps" not in arrays or "results" not in arrays:
        found = ", ".join(arrays) or "none of them"
        raise HistoryError(f"{file}: found {found}, expected the arrays timesteps and results")
    steps = arrays["timesteps"]
    if steps.ndim != 1 or not ((steps >= 0) & (steps < 2.0**63) & (steps == numpy.floor(steps))).all():
        raise HistoryError(f"{file}: found timesteps that are no list of whole numbers, 0 or more")
    metrics = {}
    for name, metric in METRICS.items():
        if name not in arrays:
            continue
        values = arrays[name]
        if values.ndim not in (1, 2) or len(values) != len(steps):
            raise HistoryError(
                f"{file}: found {name} of shape {values.shape}, expected {len(steps)} evaluations as in timesteps"
            )
        if wanted.wants(metric) and values.size:
            means = values if values.ndim == 1 else [numpy.mean(episodes) for episodes in values]
            metrics[metric] = [float(mean) for mean in means]
    return Rows.of(metrics, samples=[int(step) for step in steps])
