"""Text beside other files of a run: a part of it, by names, times and counts; and text of other runs, which is not."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorboard")

from milepost.replaying.replay import replay
from milepost.replaying.results import Results
from tests.histories.event_files import BEGAN, training
from tests.histories.helpers import logs_of
from tests.positions.tables import console
from tests.positions.trackers import wandb_offline
from tests.positions.training import SCENARIOS


def told(path: Path, threshold: str, **options: Any) -> Results:
    return replay(path, thresholds=[threshold], price_per_hour=6.0, strict=True, **options)


def table(path: Path, last: int = 40, *, began: float = BEGAN) -> Path:
    """Write a row each minute: a reward that rises by one each 1000 samples."""
    rows = [
        {"samples": at * 1000, "reward": float(at), "wall_time": began + 60 * at, "elapsed_seconds": 60 * at}
        for at in range(1, last + 1)
    ]
    if path.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    else:
        lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def text(
    path: Path,
    last: int = 40,
    *,
    began: float = BEGAN,
    factor: float = 1.0,
    counter: str = "samples",
    loss: str = "loss",
) -> Path:
    """Write what the same training prints, rounded, with a loss of its own."""
    lines = [
        f"{datetime.fromtimestamp(began + 60 * at, UTC):%Y-%m-%d %H:%M:%S} "
        f"{counter}={at * 1000} reward={at * factor:.1f} {loss}={1 / at:.3f}"
        for at in range(1, last + 1)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", ["slurm-123.out", "train.log", "progress.log", "stdout"])
@pytest.mark.parametrize("main", ["progress.csv", "progress.jsonl"])
def test_text_beside_a_table_is_of_its_run(tmp_path: Path, main: str, name: str) -> None:
    table(tmp_path / main)
    text(tmp_path / name)
    (result,) = told(tmp_path, "reward >= 30")
    assert (result.run, result.samples_to_threshold, result.minutes_to_threshold) == ("progress", 30_000, 30.0)
    assert result.final_smoothed_value == 40.0
    # What the table does not tell is read of the text: below 0.05 from 21 on, at 0.048.
    (result,) = told(tmp_path, "loss <= 0.048")
    assert (result.run, result.samples_to_threshold) == ("progress", 21_000)


def test_text_beside_event_files_is_of_their_run(tmp_path: Path) -> None:
    training(tmp_path / "events.out.tfevents.1700000000.host", range(0, 41_000, 1000))
    text(tmp_path / "train.log", counter="step")
    (result,) = told(tmp_path, "reward >= 30")
    assert (result.samples_to_threshold, result.samples_unit, result.minutes_to_threshold) == (30_000, "steps", 30.0)
    (log,) = logs_of(tmp_path)
    assert "read as one run: events.out.tfevents.1700000000.host, and for what it does not tell train.log" in log.notes


def test_text_of_versions_of_one_log_goes_with_them(tmp_path: Path) -> None:
    for version, steps in ((0, range(0, 21_000, 1000)), (1, range(21_000, 41_000, 1000))):
        began = BEGAN + version * 9000
        training(tmp_path / f"version_{version}" / "events.out.tfevents.17.host", steps, opened_at=began)
        text(tmp_path / f"version_{version}" / "train.log", counter="step", began=began)
    (result,) = told(tmp_path, "reward >= 30")
    assert (result.samples_to_threshold, result.status) == (30_000, "achieved")


def test_stamps_of_another_zone_are_of_the_same_run(tmp_path: Path) -> None:
    table(tmp_path / "progress.csv")
    text(tmp_path / "train.log", began=BEGAN + 8 * 3600)
    assert len(logs_of(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "last", "began"),
    [
        ("train.log", 40, BEGAN + 3 * 86400),  # of another day
        ("train.log", 20, BEGAN + 8 * 3600),  # of another time, and half as long
        ("progress2.log", 40, BEGAN),  # called as the run, but for a number
    ],
)
def test_text_of_another_training_is_a_run_of_its_own(tmp_path: Path, name: str, last: int, began: float) -> None:
    table(tmp_path / "progress1.csv")
    text(tmp_path / name, last, began=began)
    assert {result.run for result in told(tmp_path, "reward >= 10")} == {"progress1", Path(name).stem}


def test_of_several_runs_text_is_of_the_one_whose_name_it_bears(tmp_path: Path) -> None:
    for seed in (1, 2):
        table(tmp_path / f"seed{seed}.csv", 40 - seed)
        text(tmp_path / f"seed{seed}.log", 40 - seed)
    text(tmp_path / "other.log")
    assert [result.run for result in told(tmp_path, "loss <= 0.048")] == ["seed1", "seed2", "other"]


def test_text_beside_data_is_a_run_by_itself(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("image,label\n" + "".join(f"{at:05}.jpg,{at % 10}\n" for at in range(60)))
    text(tmp_path / "train.log")
    (result,) = replay(tmp_path, thresholds=["reward >= 30"])
    assert (result.run, result.samples_to_threshold) == ("train.log", 30_000)


@pytest.mark.parametrize("names", [("slurm-1.out", "slurm-2.out"), ("ppo.log", "sac.log")])
def test_two_texts_are_two_runs(tmp_path: Path, names: tuple[str, str]) -> None:
    for at, name in enumerate(names):
        text(tmp_path / name, factor=1.0 + at / 10)
    assert [result.run for result in told(tmp_path, "reward >= 30")] == [Path(name).stem for name in names]


def test_a_copy_of_a_text_is_no_run(tmp_path: Path) -> None:
    text(tmp_path / "main.log", 39)
    text(tmp_path / "slurm-7.out")
    (result,) = told(tmp_path, "reward >= 30")
    assert (result.run, result.samples_to_threshold, result.final_smoothed_value) == ("slurm-7", 30_000, 40.0)


def test_ranks_that_write_text_are_one_run(tmp_path: Path) -> None:
    for rank in (0, 1):
        text(tmp_path / f"log_rank{rank}.txt", factor=1.0 - rank / 10)
    (result,) = told(tmp_path, "reward >= 30")
    assert (result.run, result.samples_to_threshold) == ("log_rank0", 30_000)


@pytest.mark.parametrize("format", ["json", "console"])
def test_parts_of_other_formats_go_on_with_one_another(tmp_path: Path, format: str) -> None:
    rows = SCENARIOS["plain"].rows
    for part, some in enumerate((rows[:20], rows[20:])):
        path = tmp_path / f"log_part{part}.{'json' if format == 'json' else 'txt'}"
        if format == "json":
            path.write_text(
                json.dumps([{"samples": row.count, "t": row.timer, **row.values} for row in some], indent=1)
            )
        else:
            whole = SCENARIOS["plain"]
            console(path, type("Some", (), {"rows": some, "starts": whole.starts})())
    (log,) = logs_of(tmp_path)
    assert (log.reader.name, len(log.files)) == (format, 2)


def test_what_wandb_keeps_of_a_console_is_of_its_run(tmp_path: Path) -> None:
    wandb_offline(tmp_path, SCENARIOS["resumed"])
    for folder in tmp_path.glob("offline-run-*"):
        (folder / "files").mkdir(exist_ok=True)
        text(folder / "files" / "output.log", 25, loss="printed")
    (result,) = told(tmp_path, "reward >= 30")
    assert (result.run, result.samples_to_threshold) == ("one", 30_000)
    (result,) = told(tmp_path, "printed <= 0.048")
    assert (result.run, result.samples_to_threshold) == ("one", 21_000)


def test_no_join_leaves_each_file_a_run(tmp_path: Path) -> None:
    table(tmp_path / "progress.csv")
    text(tmp_path / "train.log")
    assert len(told(tmp_path, "reward >= 30", join=False)) == 2
