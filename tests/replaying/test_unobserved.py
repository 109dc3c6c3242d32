"""A metric that no run observed: its neighbours are named, or that its values are no numbers, whatever the format."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("polars")

from milepost.replaying.replay import replay
from tests.histories.small_logs import SMALL
from tests.positions.tables import TABLES
from tests.positions.trackers import TRACKERS
from tests.positions.training import SCENARIOS, Training

pytestmark = pytest.mark.filterwarnings("ignore")


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "no run observed" in each.getMessage()]


@pytest.mark.parametrize("format", SMALL)
def test_the_nearest_names_are_given_once(format: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    small = SMALL[format]
    where = small.write(tmp_path)
    wrong = small.metric.swapcase() if len(small.metric) == 1 else f"{small.metric[:-1]}"
    results = replay(where, thresholds=[f"{wrong} >= 1", f"{wrong} >= 2"])
    assert [result.status for result in results] == ["never_observed"] * 2
    (said,) = _said(caplog)
    if len(small.metric) > 1:
        assert said.startswith(f"no run observed the metric {wrong!r}; nearest: ")
        assert small.metric in said.partition("nearest: ")[2].split(", ")


def _with_text() -> Training:
    """Return a training of whose values some are text."""
    training = Training().train(10)
    for row in training.rows:
        told: dict[str, Any] = row.values
        told["accuracy"] = "about 93"
    return training


TEXT = {
    "jsonl": (TABLES["jsonl"], "accuracy"),
    "parquet": (TABLES["parquet"], "accuracy"),
    "ray_results": (TABLES["ray_results"], "accuracy"),
    "trainer_state": (TABLES["trainer_state"], "accuracy"),
    "mlperf": (TABLES["mlperf"], "eval_accuracy"),
    "wandb": (TRACKERS["wandb"], "accuracy"),
    "trackio": (TRACKERS["trackio"], "accuracy"),
}
"""By format, what writes it, and what the metric is called there; the others hold numbers alone, or are below."""


@pytest.mark.parametrize("format", TEXT)
def test_a_metric_whose_values_are_text_is_told_to_be_no_number(
    format: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, metric = TEXT[format]
    training = _with_text()
    monkeypatch.setitem(SCENARIOS, "text", training)
    (folder := tmp_path / "log").mkdir()
    replay(written.write(folder, training), thresholds=[f"{metric} >= 90"])
    assert _said(caplog) == [f"no run observed the metric {metric!r}; the log has it, and never a number"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.csv", "samples,seconds,reward,accuracy\n" + "".join(f"{at},{at},{at},about 93\n" for at in range(1, 9))),
        ("log.tsv", "epoch\thours\taccuracy\n" + "".join(f"{at}\t{at}\tgood\n" for at in range(1, 9))),
        ("monitor.csv", '#{"t_start": 1.0}\nr,l,t,accuracy\n' + "".join(f"{at},5,{at},good\n" for at in range(1, 9))),
    ],
)
def test_so_of_text_in_columns(name: str, text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / name).write_text(text)
    replay(tmp_path, thresholds=["accuracy >= 90"])
    assert _said(caplog) == ["no run observed the metric 'accuracy'; the log has it, and never a number"]


def test_of_several_runs_the_logs_have_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for seed in (1, 2):
        (tmp_path / f"seed{seed}.jsonl").write_text('{"step": 1, "acc": "good"}\n{"step": 2, "acc": "high"}\n')
    replay(tmp_path, thresholds=["acc >= 94"])
    assert _said(caplog) == ["no run observed the metric 'acc'; the logs have it, and never a number"]
