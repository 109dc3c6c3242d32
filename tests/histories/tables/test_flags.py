"""Flags that name what a format does not tell: refused by name, or said to be passed over."""

import json
from pathlib import Path

import numpy
import pytest

from milepost.errors import HistoryError
from milepost.histories.history import Wanted
from tests.histories.helpers import one


def evaluations(folder: Path) -> Path:
    path = folder / "evaluations.npz"
    with path.open("wb") as file:
        numpy.savez(file, timesteps=[1, 2], results=[[1.0], [2.0]], ep_lengths=[[1], [1]])
    return path


def monitor(folder: Path) -> Path:
    path = folder / "monitor.csv"
    path.write_text('#{"t_start": 1700000000.0, "env_id": "x"}\nr,l,t\n1.0,10,5.0\n2.0,10,10.0\n')
    return path


def mlperf(folder: Path) -> Path:
    path = folder / "result_0.txt"
    lines = []
    for at, (key, value, more) in enumerate([("run_start", None, {}), ("eval_accuracy", 0.5, {"samples_count": 100})]):
        told = {"namespace": "", "time_ms": 1_700_000_000_000 + at, "event_type": "POINT_IN_TIME", "key": key}
        lines.append(":::MLLOG " + json.dumps(told | {"value": value, "metadata": more}))
    path.write_text("\n".join(lines) + "\n")
    return path


def dawnbench(folder: Path) -> Path:
    path = folder / "entry.tsv"
    path.write_text("epoch\thours\ttop5Accuracy\n1\t0.5\t80\n2\t1.0\t93\n")
    return path


FORMATS = [evaluations, monitor, mlperf, dawnbench]


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("flag", ["samples_column", "time_column"])
def test_a_name_that_a_format_does_not_have_is_refused(tmp_path: Path, write, flag: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(HistoryError, match=f"--{flag.replace('_', '-')} names 'nothing', found"):
        one(write(tmp_path), wanted=Wanted(**{flag: "nothing"}))  # type: ignore[arg-type]


def test_names_that_a_format_counts_and_times_by_are_taken(tmp_path: Path) -> None:
    one(evaluations(tmp_path), wanted=Wanted(samples_column="timesteps"))
    one(monitor(tmp_path), wanted=Wanted(samples_column="l", time_column="t"))
    one(dawnbench(tmp_path), wanted=Wanted(time_column="hours"))


@pytest.mark.parametrize("write", [evaluations, monitor, mlperf])
def test_samples_per_step_is_passed_over_where_a_format_counts_samples(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    history = one(write(tmp_path), wanted=Wanted(samples_per_step=64))
    assert f"--samples-per-step 64 is passed over: {history.samples_source!r} counts samples" in history.notes
