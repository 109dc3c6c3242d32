"""`milepost replay`, and what `doctor` and `init` make of logs, run as commands."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import milepost as library
from milepost.config import load_performance_thresholds
from milepost.errors import ConfigError, HistoryError
from milepost.store.store import Store
from milepost.tracking.thresholds import parse_threshold

pytest.importorskip("polars")

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
LOG = "samples,elapsed_seconds,reward,loss\n" + "".join(
    f"{at * 100},{at * 60},{at / 10},{1 / (at + 1)}\n" for at in range(31)
)


def run(*arguments: str | Path, status: int = 0) -> tuple[str, str]:
    command = [sys.executable, "-m", "milepost", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "160"}, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def lines(*arguments: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("replay", *arguments, "--json")[0].splitlines()]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two seeds of each of two recipes, and what else lies about."""
    for recipe in ("fast", "slow"):
        for seed in (1, 2):
            folder = tmp_path / "logs" / recipe / f"seed{seed}"
            folder.mkdir(parents=True)
            (folder / "progress.csv").write_text(LOG)
            (folder / "notes.md").write_text("# nothing\n")
    return tmp_path / "logs"


def test_results_and_a_line_that_sums_up(logs: Path) -> None:
    shown, said = run("replay", logs, "--threshold", "reward >= 2", "--price-per-hour", "6", "--group-by", "0")
    assert "4 runs read" in said
    row = next(line for line in shown.splitlines() if "fast/seed1/progress" in line)
    assert row.split() == ["fast/seed1/progress", "fast", "reward_ge_2", "achieved", "2,000", "20.00", "$2.00", "3.000"]


def test_json_has_one_result_a_line_and_nothing_else(logs: Path) -> None:
    found = lines(logs, "--threshold", "reward >= 2", "--threshold", "loss <= 0.1 @ 0.5", "--match", "fast/*")
    assert [(line["run"], line["threshold"]) for line in found] == [
        (f"fast/seed{seed}/progress", name) for seed in (1, 2) for name in ("reward_ge_2", "loss_le_0.1_0.5")
    ]
    assert found[0]["cost_to_threshold"] is None  # nothing tells what it ran on
    assert found[0]["elapsed_source"] == "caller"


def test_one_bad_file_is_reported_and_stops_the_rest_only_if_asked(logs: Path) -> None:
    (logs / "fast" / "broken.csv").write_text("run,samples,loss\na,1,2\nb,2,1\n")
    _, said = run("replay", logs, "--threshold", "reward >= 2")
    assert "4 runs read, 1 skipped" in said
    assert "--run-column" in said
    _, said = run("replay", logs, "--threshold", "reward >= 2", "--strict", status=2)
    assert "broken.csv" in said
    _, said = run("replay", logs / "fast" / "broken.csv", "--threshold", "reward >= 2", status=2)
    assert "nothing could be read" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "found no threshold, expected --threshold"),
        (["--threshold", "reward"], "found 'reward', expected METRIC OP VALUE"),
        (["--threshold", "reward >= high"], "found 'high', expected a number"),
        (["--threshold", "reward >= 1", "--format", "tensorbord"], "nearest: 'tensorboard'"),
        (["--threshold", "reward >= 1", "--group-by", "7"], "found 3 pieces in its id, expected piece 7"),
        (["--threshold", "reward >= 1", "--match", "none*"], "none whose id matches"),
        (["--threshold", "reward >= 1", "--json", "--format", "csv"], "expected either --json or --format"),
        (["--threshold", "reward >= 1", "--samples-column", "smples"], "samples"),
    ],
)
def test_wrong_calls_say_what_is_wrong(logs: Path, arguments: list[str], message: str) -> None:
    assert message in run("replay", logs, *arguments, status=2)[1]


def test_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere" in run("replay", tmp_path / "nowhere", "--threshold", "a > 1", status=2)[1]


def test_tables_for_papers_and_the_format_of_logs_are_told_apart(logs: Path) -> None:
    assert run("replay", logs, "--threshold", "reward >= 2", "--format", "markdown")[0].startswith("| run | group |")
    assert run("replay", logs, "--threshold", "reward >= 2", "--format", "csv")[0].startswith("schema_version,run,")
    assert run("replay", logs, "--threshold", "reward >= 2", "--log-format", "csv", "--format", "latex")[0].startswith(
        "\\"
    )


def test_saved_runs_are_kept_once_however_often_they_are_saved(logs: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    for threshold in ("reward >= 2", "reward >= 2", "reward >= 1"):
        run("replay", logs, "--threshold", threshold, "--price-per-hour", "6", "--save", "--store", store)
    opened = Store(store)
    assert [each.id for each in opened.runs()] == sorted(
        f"{name}/seed{at}/progress" for name in ("fast", "slow") for at in (1, 2)
    )
    kept = opened.load("fast/seed1/progress")
    opened.close()
    assert kept is not None
    (result,) = kept.results
    assert (result.threshold, result.samples_to_threshold) == ("reward_ge_1", 1000)
    assert result.cost_to_threshold == pytest.approx(1.0)
    assert result.billed_cost_to_threshold is None  # the log has no wall time
    assert (kept.run.status, len(kept.events), len(kept.curves[0].points)) == ("replayed", 1, 31)
    shown, _ = run("results", "fast/seed1", "--store", store)
    assert "$3.00" in shown  # half an hour at 6 USD


def test_run_that_was_tracked_live_is_not_overwritten_by_its_log(logs: Path, tmp_path: Path) -> None:
    with library.track(thresholds=[], run="progress", store=tmp_path / "a.db", price_per_hour=1.0, sinks=[]):
        pass
    path = logs / "fast" / "seed1" / "progress.csv"
    _, said = run("replay", path, "--threshold", "reward >= 2", "--save", "--store", tmp_path / "a.db", status=2)
    assert "was tracked live; it is left as it is" in said


def test_doctor_holds_thresholds_against_logs(logs: Path, tmp_path: Path) -> None:
    config = tmp_path / "thresholds.yaml"
    config.write_text(
        "thresholds:\n"
        "  - {name: typo, metric: rewrd, target_value: 2}\n"
        "  - {name: side, metric: loss, target_value: 0.5}\n"
        "  - {name: far, metric: reward, target_value: 50}\n"
        "  - {name: good, metric: reward, target_value: 2}\n"
        "prices: {price_per_hour: 1}\n"
    )
    shown, _ = run("doctor", "--config", config, "--logs", logs, "--json", status=1)
    found = {line["what"].partition(":")[0]: line for line in map(json.loads, shown.splitlines())}
    assert (found["typo"]["severity"], "nearest: reward" in found["typo"]["what"]) == ("error", True)
    assert (found["side"]["severity"], "starts at 1" in found["side"]["what"]) == ("warning", True)
    assert (found["far"]["severity"], "not to >= 50" in found["far"]["what"]) == ("note", True)
    assert "good" not in found


def test_init_writes_what_the_logs_reached(logs: Path, tmp_path: Path) -> None:
    path = tmp_path / "thresholds.yaml"
    run("init", path, "--logs", logs)
    written = {each.metric: each for each in load_performance_thresholds(path).thresholds}
    assert written.keys() == {"reward", "loss"}
    assert (written["loss"].comparison, written["reward"].comparison) == ("<=", ">=")
    found = lines(logs, "--config", path)
    assert all(line["achieved"] and not line["already_met"] for line in found)


def test_ctrl_c_leaves_what_was_saved_whole(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for at in range(3000):
        (folder / f"{at:05}.csv").write_text(LOG)
    store = tmp_path / "a.db"
    command = [sys.executable, "-m", "milepost", "replay", folder, "--threshold", "reward >= 2", "--json"]
    process = subprocess.Popen(
        [*map(str, command), "--save", "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline())["run"] for _ in range(20)]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode in (130, -signal.SIGINT, 1), said
    opened = Store(store)
    runs = [each.id for each in opened.runs()]
    assert set(told) <= set(runs)
    assert len(runs) < 3000
    for each in runs[:: max(1, len(runs) // 20)]:
        kept = opened.load(each)
        assert kept is not None
        assert (len(kept.results), len(kept.ledger.segments), kept.ledger.segments[0].end is not None) == (1, 1, True)
    opened.close()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_dawnbench_and_mlperf_need_no_flags_but_a_threshold() -> None:
    found = {line["run"]: line for line in lines(SAMPLES / "dawnbench", "--threshold", "top5Accuracy >= 93")}
    fastai = found["ImageNet/train/fastai_resnet50_p3_4_machine_pytorch"]
    assert fastai["cost_to_threshold"] == pytest.approx(fastai["minutes_to_threshold"] / 60 * fastai["usd_per_hour"])
    assert found["CIFAR10/train/fastai_pytorch"]["status"] == "never_observed"
    resnet = lines(SAMPLES / "mlperf", "--threshold", "eval_accuracy >= 0.759", "--match", "*resnet*")
    assert [line["achieved"] for line in resnet] == [True]
    assert resnet[0]["run_minutes"] >= resnet[0]["minutes_to_threshold"] > 0


def test_library_gives_a_sequence_and_frames(logs: Path) -> None:
    results = library.replay(logs, thresholds=["reward >= 2", "reward >= 99"], price_per_hour=6.0, match="fast/*")
    assert (len(results), results.runs, results.skipped) == (4, 2, ())
    assert [result.achieved for result in results] == [True, False, True, False]
    frame = results.to_polars()
    assert frame["samples_to_threshold"].to_list() == [2000, None, 2000, None]
    assert frame["cost_to_threshold"].to_list()[0] == pytest.approx(2.0)
    positions = {"samples_unit": "String", "start_known": "Boolean", "bound": "String", "rewinds": "Int64"}
    assert {name: str(frame.schema[name]) for name in positions} == positions
    pandas = results.to_pandas()
    assert str(pandas["samples_unit"].dtype).startswith("str")
    assert [str(pandas[name].dtype) for name in ("start_known", "late_observations")] == ["boolean", "Int64"]
    assert pandas["samples_to_threshold"].tolist()[0] == 2000
    assert pandas["achieved"].tolist() == [True, False, True, False]
    with pytest.raises(ConfigError, match="found no threshold"):
        library.replay(logs)
    with pytest.raises(HistoryError, match="nowhere"):
        library.replay("nowhere", thresholds=["a > 1"])


@pytest.mark.parametrize(
    ("expression", "name", "fields"),
    [
        ("top5Accuracy >= 93", "top5Accuracy_ge_93", ("top5Accuracy", ">=", 93.0, 1.0)),
        ("loss <= 0.4 @ 0.1", "loss_le_0.4_0.1", ("loss", "<=", 0.4, 0.1)),
        ("loss<=.4@.1", "loss_le_.4_.1", ("loss", "<=", 0.4, 0.1)),
        ("env_agent/heart.gained>2", "env_agent_heart.gained_gt_2", ("env_agent/heart.gained", ">", 2.0, 1.0)),
        ("my metric == -1e-3", "my_metric_eq_-1e-3", ("my metric", "==", -0.001, 1.0)),
    ],
)
def test_expressions(expression: str, name: str, fields: tuple[Any, ...]) -> None:
    threshold = parse_threshold(expression)
    assert threshold.name == name
    assert (threshold.metric, threshold.comparison, threshold.target_value, threshold.smoothing_factor) == fields


def test_where_nothing_could_be_read_each_reason_is_given(logs: Path, tmp_path: Path) -> None:
    (logs / "gone.csv").symlink_to(tmp_path / "nowhere")
    _, said = run("replay", logs, "--threshold", "reward >= 2", "--samples-column", "nope", status=2)
    assert f"{logs}/gone.csv: can't be read: No such file or directory; " in said
    assert "progress.csv: --samples-column names 'nope'" in said


def test_a_metric_that_no_run_observed_is_warned_about_with_the_nearest_names(logs: Path) -> None:
    (logs / "fast" / "seed1" / "progress.csv").write_text("samples,seconds,reward,loss,text\n1,1,1,1,n/a\n")
    thresholds = ("--threshold", "rewrd >= 2", "--threshold", "text >= 0.5", "--threshold", "loss <= 9")
    _, said = run("replay", logs, *thresholds)
    assert "no run observed the metric 'rewrd'; nearest: reward\n" in said
    assert "no run observed the metric 'text'; the logs have it, and never a number\n" in said
    assert "'loss'" not in said


def test_two_logs_of_one_id_don_t_take_each_other_s_place(logs: Path, tmp_path: Path) -> None:
    both = [logs / "fast" / "seed1" / "progress.csv", logs / "slow" / "seed1" / "progress.csv"]
    results = library.replay(both, thresholds=["reward >= 2"])
    assert [result.run for result in results] == ["progress", "progress"]
    kept = library.replay(both, thresholds=["reward >= 2"], save=True, store=tmp_path / "s.db")
    assert (kept.runs, [skipped.what for skipped in kept.skipped]) == (1, ["progress"])
    assert "give the folder above both" in kept.skipped[0].reason
