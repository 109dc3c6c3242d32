"""Which logs are one run, each on a small input of its own making."""

import json
from pathlib import Path

import pytest

pytest.importorskip("tensorboard")

from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from milepost.replaying.results import Results
from milepost.tracking.result import ThresholdResult
from tests.histories.event_files import BEGAN, opened, scalar, training, write
from tests.histories.helpers import SAMPLES, logs_of, needs_samples, skipped_of

GAP = 7200.0


def told(path: Path | str, threshold: str = "reward >= 30", **options: object) -> Results:
    return replay(path, thresholds=[threshold], price_per_hour=6.0, **options)  # type: ignore[arg-type]


def the_one(results: Results) -> ThresholdResult:
    (result,) = results
    return result


def event_file(folder: Path, second: float, after: str = "") -> Path:
    return folder / f"events.out.tfevents.{int(second)}.host{after}"


def test_run_that_was_resumed_from_a_checkpoint_is_one(tmp_path: Path) -> None:
    training(event_file(tmp_path, BEGAN), range(0, 26_000, 1000))
    again = BEGAN + 1500 + GAP
    training(event_file(tmp_path, again), range(21_000, 41_000, 1000), opened_at=again)
    result = the_one(told(tmp_path))
    assert (result.samples_to_threshold, result.samples_unit, result.minutes_to_threshold) == (30_000, "steps", 30.0)
    assert result.cost_to_threshold == pytest.approx(3.0)
    assert result.billed_cost_to_threshold == pytest.approx(3.5)
    assert (result.start_known, result.rewinds) == (True, 1)


@pytest.mark.parametrize("format", ["events", "csv", "jsonl"])
def test_versions_of_one_log_go_on_with_one_another(tmp_path: Path, format: str) -> None:
    again = BEGAN + 1200 + GAP
    for version, steps, began in ((0, range(0, 21_000, 1000), BEGAN), (1, range(21_000, 41_000, 1000), again)):
        folder = tmp_path / "log" / f"version_{version}"
        if format == "events":
            training(event_file(folder, began), steps, opened_at=began)
        else:
            table(folder / f"metrics.{format}", steps, began + (60.0 if version else 0.0))
    (log,) = logs_of(tmp_path)
    assert len(log.files) == 2
    assert "goes on" in log.notes[0]
    result = the_one(told(tmp_path))
    assert result.samples_to_threshold == 30_000
    if format == "events":  # which alone tells when the second one was opened
        assert result.minutes_to_threshold == 30.0
        assert result.cost_to_threshold == pytest.approx(3.0)
    assert [each.achieved for each in told(tmp_path, join=False)] == [False, True]


def table(path: Path, steps: range, began: float, factor: float = 1e-3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"samples": step, "reward": step * factor, "timestamp": began + at * 60} for at, step in enumerate(steps)]
    if path.suffix == ".csv":
        lines = ["samples,reward,timestamp", *(",".join(str(value) for value in row.values()) for row in rows)]
    else:
        lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_versions_that_begin_anew_are_trainings_of_their_own(tmp_path: Path) -> None:
    for version in range(3):
        began = BEGAN + version * GAP
        distance = 50 * (1 + version)  # logged less often each time
        folder = tmp_path / f"version_{version}"
        training(event_file(folder, began), range(distance - 1, 2000, distance), opened_at=began)
    assert [log.run for log in logs_of(tmp_path)] == ["version_0", "version_1", "version_2"]
    assert [len(log.files) for log in logs_of(tmp_path, join=True)] == [3]


def test_versions_that_ran_side_by_side_are_runs_of_their_own(tmp_path: Path) -> None:
    training(event_file(tmp_path / "version_0", BEGAN), range(0, 40_000, 1000))
    training(event_file(tmp_path / "version_1", BEGAN), range(5_000, 40_000, 1000), opened_at=BEGAN + 60)
    assert len(logs_of(tmp_path)) == 2


def test_trainings_whose_event_files_lie_in_one_folder_are_several(tmp_path: Path) -> None:
    for number in range(3):
        began = BEGAN + number * GAP
        training(event_file(tmp_path, began), range(19, 1000, 20), opened_at=began, factor=1.0)
    logs = logs_of(tmp_path)
    assert [log.run for log in logs] == [f"{tmp_path.name}/{Path(log.files[0]).name}" for log in logs]
    assert len(logs) == 3
    results = list(told(tmp_path, "reward >= 699"))
    assert [(result.samples_to_threshold, result.minutes_to_threshold) for result in results] == [(699, 35.0)] * 3
    assert len(logs_of(tmp_path, join=True)) == 1


@pytest.mark.parametrize("named", [".rank{}", ".host.1{}.0"])
def test_ranks_that_write_into_one_folder_are_one_run(tmp_path: Path, named: str) -> None:
    for rank in (1, 0):
        path = event_file(tmp_path, BEGAN + rank, named.format(rank))
        training(path, range(0, 41_000, 1000), opened_at=BEGAN + rank, factor=(2 - rank) * 5e-4)
    result = the_one(told(tmp_path))
    assert (result.final_smoothed_value, result.retained) == (40.0, True)
    (other,) = skipped_of(tmp_path)
    assert "another rank" in other.reason
    assert not other.broken


@pytest.mark.parametrize("named", [".rank{}", ".host.1{}.0"])
def test_rank_that_ended_early_is_one_all_the_same(tmp_path: Path, named: str) -> None:
    for rank, count in enumerate((41_000, 20_000, 46_000)):
        path = event_file(tmp_path / "events", BEGAN + rank, named.format(rank))
        training(path, range(0, count, 1000), opened_at=BEGAN + rank, factor=1e-3 / (rank + 1))
        table(tmp_path / "tables" / f"log_rank{rank}.csv", range(0, count, 1000), BEGAN + rank, 1e-3 / (rank + 1))
    for folder in ("events", "tables"):
        result = the_one(told(tmp_path / folder))
        assert (result.final_smoothed_value, result.observations) == (40.0, 41)
        assert len(skipped_of(tmp_path / folder)) == 2


def test_writers_of_one_training_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    training(event_file(tmp_path, BEGAN, ".train"), range(0, 41_000, 1000), tag="loss")
    training(event_file(tmp_path, BEGAN, ".eval"), range(5_000, 41_000, 5000), opened_at=BEGAN + 1, seconds=300)
    (log,) = logs_of(tmp_path)
    (history,) = log.reader.histories(log.files, log.run, Wanted(metrics=frozenset({"loss", "reward"})))
    rows = [rows for axis in history.axes or (history,) for rows in axis.rows()]
    assert not any(each.boundaries for each in rows)
    result = the_one(told(tmp_path))
    assert (result.samples_to_threshold, result.rewinds, result.late_observations) == (30_000, 0, 0)


@pytest.mark.parametrize("word", ["rank", "part", "shard"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_tables_of_ranks_are_one_run_and_so_are_parts_that_take_turns(tmp_path: Path, word: str, suffix: str) -> None:
    same, turns = tmp_path / "same", tmp_path / "turns"
    for number in range(4):
        table(same / f"log_{word}{number}.{suffix}", range(1000, 11_000, 1000), BEGAN + number, 1e-3 / (number + 1))
        first = 1000 + number * 10_000
        table(turns / f"log_{word}_{number}.{suffix}", range(first, first + 10_000, 1000), BEGAN + number * 600)
    result = the_one(told(same, "reward >= 10"))
    assert (result.achieved, result.final_smoothed_value) == (True, 10.0)
    assert len(skipped_of(same)) == 3
    result = the_one(told(turns, "reward >= 35"))
    # A further file is a further process: of the minute before each, nobody knows whether it was training.
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (35_000, 34.0 - 3)


@pytest.fixture(params=["csv", "jsonl", "events", "mlperf"])
def ten_seeds(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for seed in range(10):
        steps, began = range(1000, 41_000, 1000), BEGAN + seed
        if request.param == "events":
            training(event_file(tmp_path / f"seed_{seed}", began), steps, opened_at=began)
        elif request.param == "mlperf":
            lines = [mlperf("run_start", None, began)]
            lines += [mlperf("eval_accuracy", step / 1e5, began + step / 100, samples_count=step) for step in steps]
            lines.append(mlperf("run_stop", None, began + 500, status="success"))
            (tmp_path / f"result_{seed}.txt").write_text("\n".join(lines) + "\n")
        else:
            table(tmp_path / f"seed_{seed}.{request.param}", steps, began)
    return tmp_path


def mlperf(key: str, value: object, at: float, **metadata: object) -> str:
    line = {"namespace": "", "time_ms": int(at * 1000), "event_type": "POINT_IN_TIME", "key": key, "value": value}
    return f":::MLLOG {json.dumps(line | {'metadata': metadata})}"


def test_seeds_that_ran_side_by_side_stay_runs_of_their_own(ten_seeds: Path) -> None:
    assert len(logs_of(ten_seeds)) == 10
    assert not [each for each in skipped_of(ten_seeds) if "rank" in each.reason]


def test_file_without_events_does_not_move_the_start(tmp_path: Path) -> None:
    write(event_file(tmp_path, BEGAN - 90_000), [opened(BEGAN - 90_000)])
    training(event_file(tmp_path, BEGAN), range(0, 41_000, 1000))
    assert the_one(told(tmp_path)).minutes_to_threshold == 30.0


def test_formats_of_one_trial_are_one_run(tmp_path: Path) -> None:
    trial = tmp_path / "PPO_env_00000"
    trial.mkdir()
    settings = {f"setting_{number}": number for number in range(1000)}
    rows = [(at * 400, at * 30.0, at, at * 5.0) for at in range(1, 11)]
    lines = [f"{steps},{seconds},{at},{reward}" for steps, seconds, at, reward in rows]
    names = "timesteps_total,time_total_s,training_iteration,episode_reward_mean"
    (trial / "progress.csv").write_text("\n".join([names, *lines]) + "\n")
    with (trial / "result.json").open("w") as file:
        for row in rows:
            found: dict[str, object] = dict(zip(names.split(","), row, strict=True))
            found |= {"evaluation": {"episode_reward_mean": row[3] * 0.8}, "config": settings}
            file.write(json.dumps(found) + "\n")
    events = [opened(BEGAN)]
    for steps, seconds, at, reward in rows:
        events.append(scalar("ray/tune/episode_reward_mean", reward, at, BEGAN + seconds))
        events.append(scalar("ray/tune/timesteps_total", steps, at, BEGAN + seconds))
    write(event_file(trial, BEGAN), events)
    (log,) = logs_of(tmp_path)
    assert log.run == "PPO_env_00000"
    assert "Ray" in log.notes[0]
    wanted = {
        "episode_reward_mean >= 30": (2400, 3.0),
        "evaluation.episode_reward_mean >= 20": (2000, 2.5),
        "ray/tune/episode_reward_mean >= 30": (2400, 3.0),
    }
    for threshold, right in wanted.items():
        result = the_one(told(tmp_path, threshold))
        assert (result.samples_to_threshold, result.minutes_to_threshold, result.samples_unit) == (*right, "samples")
    together = replay(tmp_path, thresholds=list(wanted), price_per_hour=6.0)
    assert [(each.samples_to_threshold, each.minutes_to_threshold) for each in together] == list(wanted.values())
    assert len(logs_of(tmp_path, join=False)) == 3


def test_tables_of_algoperf_are_one_run(tmp_path: Path) -> None:
    trial = tmp_path / "trial_1"
    trial.mkdir()
    (trial / "measurements.csv").write_text(
        "global_step,train/loss,samples\n" + "".join(f"{step},{1 / step},{step * 8}\n" for step in range(10, 110, 10))
    )
    (trial / "eval_measurements.csv").write_text(
        "global_step,validation/ssim,samples\n" + "".join(f"{step},{step / 100},{step * 8}\n" for step in (50, 100))
    )
    (log,) = logs_of(tmp_path)
    assert "AlgoPerf" in log.notes[0]
    loss, ssim = replay(tmp_path, thresholds=["train/loss <= 0.02", "validation/ssim >= 0.9"])
    assert (loss.samples_to_threshold, ssim.samples_to_threshold) == (400, 800)


def test_metrics_of_detectron2_are_those_of_its_event_files(tmp_path: Path) -> None:
    for number in range(2):
        began = BEGAN + number * GAP
        training(event_file(tmp_path, began), range(19, 1000, 20), opened_at=began, tag="total_loss")
    lines = [json.dumps({"iteration": step, "total_loss": 1 / step}) for step in [*range(19, 1000, 20)] * 2]
    (tmp_path / "metrics.json").write_text("\n".join(lines) + "\n")
    assert [log.reader.name for log in logs_of(tmp_path)] == ["tensorboard"] * 2
    assert [Path(each.path).name for each in skipped_of(tmp_path)] == ["metrics.json"]


RIGHT = {
    ("faults/c1_purge", "reward >= 30"): [(30_000, 30.0)],
    ("faults/c2_nopurge", "reward >= 30"): [(30_000, 30.0)],
    ("faults/lit", "reward >= 30"): [(30_000, 30.0)],
    ("faults/hf_tb", "train/loss <= 0.2"): [(1_638_400, 19.0)],
    ("faults/g1_f32", "acc >= 0.9"): [(3000, 3.0)],
    ("faults/c3_ranks", "reward >= 30"): [(30_000, 30.0)],
    ("faults/trial", "episode_reward_mean >= 30"): [(2400, 3.0)],
    ("faults/trial", "evaluation.episode_reward_mean >= 20"): [(2000, 2.5)],
    ("field/detectron2", "total_loss <= 0.3"): [(None, None), (None, None), (699, pytest.approx(5.95, abs=0.005))],
    ("field/yolov5/events.out.tfevents.1655416124.host.1.0", "metrics/mAP_0.5 >= 0.5"): [
        (3, pytest.approx(8.625, abs=0.005))
    ],
}


@needs_samples
@pytest.mark.parametrize(("path", "threshold"), RIGHT)
def test_published_logs_have_their_right_values(path: str, threshold: str) -> None:
    results = told(SAMPLES / path, threshold)
    found = [(result.samples_to_threshold, result.minutes_to_threshold) for result in results]
    assert found == RIGHT[path, threshold]


MONITOR = '#{{"t_start": {start}, "env_id": "E"}}\nr,l,t\n{rows}'


def test_progress_and_monitor_of_stable_baselines_are_one_run(tmp_path: Path) -> None:
    """The table tells the mean reward so far, the monitor that of each episode: a metric is read where it is told."""
    rows = "".join(f"{at},{1000},{60 * at}\n" for at in range(1, 41))
    (tmp_path / "monitor.csv").write_text(MONITOR.format(start=BEGAN, rows=rows))
    table = "".join(f"{1000 * at},{60 * at},{(at + 1) / 2}\n" for at in range(1, 41))
    (tmp_path / "progress.csv").write_text("time/total_timesteps,time/time_elapsed,rollout/ep_rew_mean\n" + table)
    for threshold in ("rollout/ep_rew_mean >= 15.5", "r >= 30"):
        result = the_one(told(tmp_path, threshold))
        assert (result.samples_to_threshold, result.minutes_to_threshold) == (30_000, 30.0)


def test_monitors_of_several_names_stay_runs_of_their_own(tmp_path: Path) -> None:
    for name, length in (("a", 100), ("b", 200)):
        rows = "".join(f"{at},{length},{60 * at}\n" for at in range(1, 11))
        (tmp_path / f"{name}.monitor.csv").write_text(MONITOR.format(start=BEGAN, rows=rows))
    results = told(tmp_path, "r >= 5")
    assert [(result.run, result.samples_to_threshold) for result in results] == [
        ("a.monitor", 500),
        ("b.monitor", 1000),
    ]
