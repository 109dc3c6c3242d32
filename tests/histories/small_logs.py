"""A small real log of each format, for what is tried over all of them. A new format is one line of `SMALL`."""

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.positions.tables import TABLES, Written
from tests.positions.trackers import TRACKERS, mlflow_run, offline
from tests.positions.training import SCENARIOS

HERE = Path(__file__).parent
PLAIN = SCENARIOS["plain"]


class Small(NamedTuple):
    """How a small log of a format is written, and what the format can tell of damage.

    Attributes:
        write: Writes it into a folder, and returns what is to be replayed.
        metric: A metric of it, that rises from 1 to 40.
        is_checked: Whether checksums hold all of it: any damage that changes a result can be told.
        ends: Of a format whose records tell where they end, the positions at which a cut can't be told, in all that
            was written; None where no cut can be told for sure.
    """

    write: Callable[[Path], Path | str]
    metric: str
    is_checked: bool = False
    ends: Callable[[bytes], set[int]] | None = None


def _of(written: Written, *, is_checked: bool = False, ends: Callable[[bytes], set[int]] | None = None) -> Small:
    """Return a small log as the conformance suite writes one."""
    return Small(lambda folder: written.write(folder, PLAIN), written.metrics["reward"], is_checked, ends)


def line_ends(data: bytes) -> set[int]:
    """Return the ends of lines, with or without their line end."""
    return {at for found in re.finditer(rb"\n", data) for at in found.span()}


def nowhere(data: bytes) -> set[int]:
    """Return no position but those of white space at the end: what is cut is not whole."""
    return set(range(len(data.rstrip()), len(data) + 1))


def _dawnbench(folder: Path) -> Path:
    """Write an entry, as its rules say: https://github.com/stanford-futuredata/dawn-bench-entries."""
    (folder / "entry.json").write_text('{"author": "A", "framework": "F", "hardware": "4", "costPerHour": 6.0}')
    rows = "".join(f"{row}\t{row / 60}\t{row}.0\n" for row in range(1, 41))
    (folder / "entry.tsv").write_text(f"epoch\thours\ttop1Accuracy\n{rows}")
    return folder


def _algoperf(folder: Path) -> Path:
    """Write a trial's tables by pandas, as AlgoPerf's logger does."""
    import pandas

    rows = [
        {"accumulated_submission_time": row.timer, "global_step": row.count, "validation/ssim": row.values["reward"]}
        for row in PLAIN.rows
    ]
    for name in ("measurements.csv", "eval_measurements.csv"):
        pandas.DataFrame(rows).to_csv(folder / name, index=False)
    return folder


def _optuna(folder: Path, *, is_journal: bool) -> Path:
    """Keep a study of one trial."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = f"sqlite:///{folder / 'tuned.db'}"
        if is_journal:
            backend = optuna.storages.journal.JournalFileBackend(str(folder / "tuned.log"))
            storage = optuna.storages.JournalStorage(backend)
        study = optuna.create_study(storage=storage, study_name="ppo", direction="maximize")

    def objective(trial: Any) -> float:
        trial.suggest_float("lr", 0.001, 0.1)
        for row in PLAIN.rows:
            trial.report(row.values["reward"], row.count)
        return 40.0

    study.optimize(objective, n_trials=1)
    return folder


def _in_environment(name: str, script: str, told: object) -> None:
    """Run a script in an environment of its own."""
    python = HERE.parents[1] / ".venv-trackers" / name / "bin" / "python"
    if not (python.parents[1] / ".made").is_file():
        pytest.skip(f"make .venv-trackers/{name}/.made")
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")} | {"HOME": os.devnull}
    command = [str(python), "-W", "ignore", str(HERE / "environments" / script)]
    subprocess.run(command, input=json.dumps(told), text=True, env=environ, check=True, capture_output=True)


def _neptune(folder: Path) -> Path:
    """Log to Neptune's client, offline."""
    rows = [(row.wall, row.count, row.values) for row in PLAIN.rows]
    _in_environment(
        "neptune", "in_neptune.py", {str(folder / "plain"): [{"started_at": PLAIN.starts[0], "rows": rows}]}
    )
    return folder


def _aim(folder: Path) -> Path:
    """Track by Aim."""
    rows = [(row.wall, row.count, [(name, value, None) for name, value in row.values.items()]) for row in PLAIN.rows]
    runs = {"plain": {"processes": [{"started_at": PLAIN.starts[0], "rows": rows}]}}
    _in_environment("aim", "in_aim.py", {"repository": str(folder), "runs": runs})
    return folder


def _verl(folder: Path) -> Path:
    """Log to verl's file logger."""
    lines = [(row.count // 1000, {**row.values, "timing_s/step": 60.0}) for row in PLAIN.rows]
    _in_environment("bare", "in_bare_verl.py", {str(folder / "ppo.jsonl"): [lines]})
    return folder


TORCHRL = """
import json, sys
from torchrl.record.loggers.csv import CSVLogger
logger = CSVLogger("one", sys.argv[1])
for step, values in json.load(sys.stdin):
    for name, value in values.items():
        logger.log_scalar(name, value, step=step)
"""


def _torchrl(folder: Path) -> Path:
    """Log to TorchRL's files."""
    if not find_spec("torchrl"):
        pytest.skip("TorchRL is not installed")
    rows = json.dumps([(row.count, row.values) for row in PLAIN.rows])
    command = [sys.executable, "-W", "ignore", "-c", TORCHRL, str(folder)]
    subprocess.run(command, input=rows, text=True, check=True, capture_output=True)
    return folder


def _mlflow_database(folder: Path) -> Path:
    """Log to MLflow's database."""
    mlflow_run(f"sqlite:///{folder / 'mlflow.db'}", "one", PLAIN)
    return folder


SMALL = {
    "tensorboard": _of(TRACKERS["events"], is_checked=True),
    "wandb": _of(TRACKERS["wandb"], is_checked=True),
    "trackio": _of(TRACKERS["trackio"]),
    "mlperf": _of(TABLES["mlperf"], ends=line_ends),
    "dawnbench": Small(_dawnbench, "top1Accuracy"),
    "sb3-evaluations": _of(TABLES["sb3_evaluations"], is_checked=True),
    "sb3-monitor": _of(TABLES["sb3_monitor"], ends=line_ends),
    "trainer-state": _of(TABLES["trainer_state"], ends=nowhere),
    "parquet": _of(TABLES["parquet"], ends=nowhere),
    "csv": _of(TABLES["csv"]),
    "jsonl": _of(TABLES["jsonl"], ends=line_ends),
    "json": _of(TABLES["json"], ends=nowhere),
    "console": _of(TABLES["console"]),
    "text": _of(TABLES["text"]),
    "mlflow": _of(TRACKERS["mlruns"]),
    "mlflow in SQLite": Small(_mlflow_database, "reward"),
    "dvclive": _of(TRACKERS["dvclive"]),
    "sacred": _of(TRACKERS["sacred"]),
    "swanlab": Small(lambda folder: offline("swanlab", "plain")(folder, PLAIN), "reward"),
    "clearml": Small(lambda folder: offline("clearml", "plain")(folder, PLAIN), "reward"),
    "comet": Small(lambda folder: offline("comet", "plain")(folder, PLAIN), "reward"),
    "neptune": Small(_neptune, "reward"),
    "neptune-export": _of(TRACKERS["neptune_export"]),
    "optuna": Small(lambda folder: _optuna(folder, is_journal=True), "intermediate_value"),
    "optuna in SQLite": Small(lambda folder: _optuna(folder, is_journal=False), "intermediate_value"),
    "algoperf": Small(_algoperf, "validation/ssim"),
    "aim": Small(_aim, "reward"),
    "verl": Small(_verl, "reward"),
    "torchrl-csv": Small(_torchrl, "reward"),
}
"""By name of the format, and what it lies in where there are several."""

BY_ADDRESS = {"wandb-api"}
"""Formats without files of their own: services that are asked."""
