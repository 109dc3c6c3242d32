"""The command line as a person runs it: a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from milepost import __version__
from milepost.config import load_performance_thresholds


def milepost(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MILEPOST_", "SKYPILOT_"))}
    bare |= {name: value for name, value in os.environ.items() if name.endswith("_URL")}
    bare.pop("RANK", None)
    code = "import sys; from milepost.cli import main; sys.argv[0] = 'milepost'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, env=bare | environ
    )


def json_of(*arguments: str, **environ: str) -> Any:
    done = milepost(*arguments, "--json", cwd=None, **environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_version() -> None:
    assert milepost("--version").stdout == f"milepost {__version__}\n"


def test_price_as_json() -> None:
    assert json_of("price", "g5.4xlarge") == {
        "instance_type": "g5.4xlarge",
        "provider": "aws",
        "region": "us-east-1",
        "zone": None,
        "market": "on_demand",
        "usd_per_hour": 1.624,
        "source": "list",
        "as_of": "2025",
        "cached": False,
        "assumed": False,
        "gpus": 1,
        "gpu": "A10G",
    }


def test_price_of_a_source_that_is_asked_alone() -> None:
    found = json_of("price", "g5.4xlarge", "--source", "fallback")
    assert (found["usd_per_hour"], found["source"], found["assumed"]) == (2.424, "fallback", True)


def test_unknown_type_is_assumed_and_warned_about_beside_the_answer() -> None:
    done = milepost("price", "quantum.9xlarge", "--source", "default", "--json")
    assert json.loads(done.stdout)["assumed"] is True
    assert "no price of 'quantum.9xlarge' is known" in done.stderr


def test_price_for_people_says_what_is_assumed() -> None:
    done = milepost("price", "g5.4xlarge", "--spot")
    assert "0.7270*" in done.stdout
    assert "* assumed: the spot price of g5.4xlarge is that of the documented fallback table" in done.stdout


def test_list_is_sorted_by_the_gpu_hour() -> None:
    lines = milepost("price", "--list", "--provider", "gcp", "--json").stdout.splitlines()
    quotes = [json.loads(line) for line in lines]
    rates = [quote["usd_per_hour"] / quote["gpus"] for quote in quotes]
    assert rates == sorted(rates)
    assert {quote["provider"] for quote in quotes} == {"gcp"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["price"], "expected an instance TYPE, --list or --refresh"),
        (["price", "g5.4xlarge", "--list"], "expected either"),
        (["price", "g5.4xlarge", "--source", "lst"], "nearest: 'list'"),
        (["price", "g5.4xlrge", "--source", "list"], "nearest: g5.4xlarge"),
        (["price", "g5.4xlarge", "--spott"], "--spot"),
        (["detct"], "detect"),
        (["init", "x.yaml", "--metric", ""], "metric: found"),
    ],
)
def test_wrong_calls_exit_with_2_and_say_what_was_expected(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = milepost(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_detect_on_a_machine_that_tells_nothing() -> None:
    found = json_of("detect")
    assert found["instance_type"] == {"value": "g5.4xlarge", "source": "default"}
    assert found["region"] == {"value": None, "source": None}
    assert set(found) == {
        *("provider", "instance_type", "region", "zone", "market", "gpus", "gpu"),
        *("commitment", "num_nodes", "share", "rank", "probes"),
    }
    assert "are not known: taken for g5.4xlarge on-demand" in " ".join(milepost("detect").stdout.split())


def test_detect_says_where_each_field_is_from() -> None:
    found = json_of("detect", SKYPILOT_USE_SPOT="true", MILEPOST_NUM_NODES="2", RANK="1")
    assert found["market"] == {"value": "spot", "source": "SKYPILOT_USE_SPOT"}
    assert found["num_nodes"] == {"value": 2, "source": "MILEPOST_NUM_NODES"}
    assert found["rank"] == {"value": 1, "source": "RANK"}


def test_init_writes_a_file_that_works_and_overwrites_none(tmp_path: Path) -> None:
    done = milepost("init", "mine.yaml", "--metric", "env_agent/heart.gained", "--target", "2.5", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "wrote mine.yaml\n")
    (threshold,) = load_performance_thresholds(tmp_path / "mine.yaml").thresholds
    assert (threshold.name, threshold.target_value) == ("env_agent_heart_gained_2.5", 2.5)
    again = milepost("init", "mine.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert milepost("init", "mine.yaml", "--force", cwd=tmp_path).returncode == 0


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = milepost("init", "file/x.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "expected to write it" in done.stderr


def test_debug_log_is_shown_when_asked_for() -> None:
    code = "import milepost; milepost.track(thresholds=[], sinks=[]).close()"
    for level, expected in (("debug", "DEBUG milepost.tracked_run: runs on"), ("", "")):
        environ = {**os.environ, "MILEPOST_LOG": level}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
        assert expected in done.stderr
        assert bool(done.stderr) is bool(expected)


@pytest.mark.parametrize(
    ("metric", "target"), [("reward", 1234567.89), ("métrique/é", 2.0), ('a"b: c', 0.1), ("{x}", 1e-9), ("é", 1e20)]
)
def test_init_takes_any_metric_and_target(metric: str, target: float, tmp_path: Path) -> None:
    done = milepost("init", "x.yaml", "--metric", metric, "--target", str(target), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (threshold,) = load_performance_thresholds(tmp_path / "x.yaml").thresholds
    assert (threshold.metric, threshold.target_value) == (metric, target)


def test_package_is_a_program_too() -> None:
    done = subprocess.run([sys.executable, "-m", "milepost", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"milepost {__version__}\n"


def test_empty_type_is_refused() -> None:
    done = milepost("price", "")
    assert (done.returncode, done.stdout) == (2, "")
    assert "found an empty TYPE" in done.stderr


@pytest.mark.parametrize(
    ("environ", "lines"),
    [
        ({}, ""),
        ({"MILEPOST_INSTANCE_TYPE": "a b"}, "export SKYPILOT_INSTANCE_TYPE='a b'\n"),
        ({"SKYPILOT_USE_SPOT": "1"}, "export SKYPILOT_USE_SPOT=true\n"),
        ({"MILEPOST_MARKET": "on_demand"}, "export SKYPILOT_USE_SPOT=false\n"),
        ({"MILEPOST_MARKET": "reserved"}, "export MILEPOST_MARKET=reserved\n"),
    ],
)
def test_what_is_known_of_a_machine_is_exported_to_a_shell(environ: dict[str, str], lines: str) -> None:
    done = milepost("detect", "--export", cwd=None, **environ)
    assert (done.returncode, done.stdout) == (0, lines), done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", [["--help"], ["price", "g5.xlarge"], ["price", "g5.xlrage"]])
def test_locale_that_is_not_utf8_gives_no_traceback(encoding: str, command: list[str]) -> None:
    environ = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding, "COLUMNS": "40"}
    done = subprocess.run([sys.executable, "-m", "milepost", *command], capture_output=True, env=environ)
    assert done.returncode in (0, 2)
    assert b"Traceback" not in done.stderr
    (done.stdout + done.stderr).decode(encoding)


def test_bound_stays_one_in_ascii(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    rows = [{"samples": at, "wall_time": 1.7e9 + at, "reward": at} for at in range(1, 9)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    environ = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "milepost", "replay", str(log), "--threshold", "reward >= 5"]
    done = subprocess.run(command, capture_output=True, env=environ, check=True)
    assert b">= 0.07" in done.stdout
