"""Wherever the work is done, the answers are the same, in the same order; what a lost process was at is tried again."""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

polars = pytest.importorskip("polars")

from milepost.config import Config  # noqa: E402
from milepost.errors import ConfigError, MissingExtra  # noqa: E402
from milepost.histories.finding.log import Log  # noqa: E402
from milepost.histories.history import History, Rows, Wanted  # noqa: E402
from milepost.histories.reader import File, Reader  # noqa: E402
from milepost.money.instance import Instance  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from milepost.replaying.replayed import Replayed  # noqa: E402
from milepost.replaying.results import Results, Skipped  # noqa: E402
from milepost.replaying.workers import scheduling  # noqa: E402
from milepost.replaying.workers.work import Job, Outcome  # noqa: E402
from milepost.store.store import Store  # noqa: E402
from milepost.tracking.thresholds import parse_threshold  # noqa: E402

RUNS = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    for run in range(RUNS):
        rows = "".join(f"{10 * at},{60.0 * at},{at + run}\n" for at in range(40))
        (logs / f"r{run:02}.csv").write_text(f"samples,elapsed_seconds,reward\n{rows}")
    (logs / "r05.csv").write_text("samples,elapsed_seconds,reward\n")
    return logs


def told(results: Results) -> tuple[list[str], list[Skipped]]:
    without_date = [msgspec.structs.replace(result, price_as_of=None) for result in results]
    return [repr(result) for result in without_date], list(results.skipped)


def test_processes_tell_what_this_one_tells(folder: Path, tmp_path: Path) -> None:
    here = replay(folder, thresholds=["reward >= 30"], price_per_hour=1.0, engine="here")
    seen: list[str] = []
    stores = {name: tmp_path / f"{name}.db" for name in ("here", "processes")}
    replay(folder, thresholds=["reward >= 30"], price_per_hour=1.0, save=True, store=stores["here"])
    spread_out = replay(
        folder,
        thresholds=["reward >= 30"],
        price_per_hour=1.0,
        engine="processes",
        workers=2,
        save=True,
        store=stores["processes"],
        on_result=lambda done: seen.append(done.history.run),
    )
    assert told(spread_out) == told(here)
    assert seen == [f"r{run:02}" for run in range(RUNS) if run != 5]
    kept = []
    for path in stores.values():
        store = Store(path)
        whole = [store.load(run.id) for run in sorted(store.runs(), key=lambda run: run.id)]
        kept.append([repr(each.curves) for each in whole if each is not None])
        store.close()
    assert kept[0] == kept[1]
    assert len(kept[0]) == RUNS - 1


def test_processes_that_are_killed_change_no_result(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    killed: list[int] = []

    def kill(done: Replayed) -> None:
        if not killed:
            for process in multiprocessing.active_children():
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)

    with caplog.at_level(logging.WARNING, "milepost"):
        results = replay(folder, thresholds=["reward >= 30"], engine="processes", workers=2, on_result=kill)
    assert killed
    assert told(results) == told(replay(folder, thresholds=["reward >= 30"]))
    assert "was lost" in caplog.text


class Poison(Reader):
    """Kills the process that reads a log called so, as one does that is too large for the machine's memory."""

    name = "poison"

    def claims(self, file: File) -> str | None:
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        if "deadly" in files[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        if "once" in files[0] and not Path(files[0]).exists():
            Path(files[0]).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if "missing" in files[0]:
            raise MissingExtra("pyarrow", "replay", "reading Parquet")
        logging.getLogger("milepost.histories").warning("%s: read by another process", run)
        yield History(run=run, rows=_rows)


def _rows() -> Iterator[Rows]:
    yield Rows(
        metrics=polars.DataFrame({"m": [1.0, 2.0]}),
        samples=polars.Series([0, 10]),
        elapsed_seconds=polars.Series([0.0, 60.0]),
    )


def job() -> Job:
    settings = Config(thresholds=(parse_threshold("m >= 2"),))
    return Job(settings, Wanted(), Instance(), 1.0, None, None, None, with_curves=False, final=True)


def poisoned(engine: Any, *files: str) -> list[Outcome]:
    logs = [Log(Poison(), (file,), Path(file).name) for file in files]
    return list(scheduling.outcomes(job(), logs, engine, 2))


def named(outcomes: list[Outcome]) -> list[str]:
    return [each.what if isinstance(each, Skipped) else each.history.run for each in outcomes]


def test_a_log_that_takes_its_process_down_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "milepost"):
        outcomes = poisoned("processes", "a", "deadly", "b", "c")
    assert named(outcomes) == ["a", "deadly", "b", "c"]
    assert isinstance(outcomes[1], Skipped)
    assert "lost twice" in outcomes[1].reason
    assert caplog.text.count("read by another process") >= 3


@pytest.mark.parametrize("parts", [2, 3])
def test_a_large_table_of_many_runs_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int) -> None:
    rows = [(f"run{run}", 10 * at, float(at + run)) for run in range(7) for at in range(20)]
    frame = polars.DataFrame(rows, schema=["run_id", "samples", "m"], orient="row")
    frame.write_parquet(tmp_path / "all.parquet", row_group_size=30)
    here = replay(tmp_path, thresholds=["m >= 21"], run_column="run_id")
    monkeypatch.setattr(scheduling, "SPLIT_BYTES", 0)
    split = replay(tmp_path, thresholds=["m >= 21"], run_column="run_id", engine="processes", workers=parts)
    assert told(split) == told(here)
    assert [result.run for result in split] == [f"run{run}" for run in range(7)]


def test_small_work_starts_no_process(folder: Path) -> None:
    def look(done: Replayed) -> None:
        assert not multiprocessing.active_children()

    replay(folder, thresholds=["reward >= 30"], workers=None, on_result=look)


def test_little_memory_means_few_workers_and_short_chunks() -> None:
    assert scheduling.worker_count(8, None) == 8
    assert scheduling.worker_count(8, 2 * 2**30) == 4
    assert scheduling.worker_count(8, 1) == 1
    assert scheduling.rows_at_once(None, 4) == scheduling.MOST_ROWS
    assert scheduling.rows_at_once(2**28, 4) == 2**17
    assert scheduling.rows_at_once(1, 1) == scheduling.FEWEST_ROWS
    with pytest.raises(ConfigError, match="workers: found 0"):
        scheduling.worker_count(0, None)
    with pytest.raises(ConfigError, match="memory: found 0 bytes"):
        scheduling.worker_count(None, 0)


def test_wrong_settings_are_said_before_any_process_starts(folder: Path) -> None:
    with pytest.raises(ConfigError, match="either --group or --group-by"):
        replay(folder, thresholds=["reward >= 30"], engine="processes", workers=2, group="a", group_by="0")
    assert not multiprocessing.active_children()


def test_an_engine_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="engine: found 'gpu', expected one of auto, here, processes, ray"):
        replay(folder, thresholds=["reward >= 30"], engine="gpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_a_replay_and_what_is_kept_by_then_is_whole(
    folder: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    """Ctrl-C goes to all of them; a kill, as of one that takes too much memory, to the first alone."""
    send = "os.killpg(0" if sent == signal.SIGINT else "os.kill(os.getpid()"
    program = tmp_path / "program.py"
    program.write_text(
        "import os, signal, milepost\n"
        "if __name__ == '__main__':\n"
        f"    milepost.replay({str(folder)!r}, thresholds=['reward >= 30'], engine='processes', workers=2, save=True,\n"
        f"        store={str(tmp_path / 'kept.db')!r}, on_result=lambda done: {send}, {sent.value}))\n"
    )
    with subprocess.Popen([sys.executable, program], stderr=subprocess.PIPE, start_new_session=True) as process:
        _, said = process.communicate(timeout=120)  # until the last process has let go of the pipe
    assert process.returncode == -sent
    if sent == signal.SIGINT:
        assert b"KeyboardInterrupt" in said
    store = Store(tmp_path / "kept.db")
    kept = [store.load(run.id) for run in store.runs()]
    store.close()
    assert [each is not None and (each.results[0].observations, len(each.curves)) for each in kept] == [(40, 1)]


def test_a_program_that_runs_when_it_is_imported_is_told_so(folder: Path, tmp_path: Path) -> None:
    call = f"import milepost\nprint(len(milepost.replay({str(folder)!r}, thresholds=['reward >= 30']"
    program = tmp_path / "program.py"
    program.write_text(f"{call}, engine='processes', workers=2)))")
    failed = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120)
    assert failed.returncode == 1
    assert "ConfigError: workers: found that no process could be started" in failed.stderr
    program.write_text(f"{call})))")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == f"{RUNS - 1}\n"


def test_what_another_process_misses_is_said_here() -> None:
    with pytest.raises(MissingExtra, match=r"^reading Parquet needs pyarrow: pip install"):
        poisoned("processes", "a", "missing", "b")


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_ray_cluster_tells_the_same_and_tries_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    monkeypatch.chdir(tmp_path)  # where the cluster does not stand
    try:
        on_ray = replay("logs", thresholds=["reward >= 30"], price_per_hour=1.0, engine="ray")
        assert ray.is_initialized()  # it was joined already, and is not ours to leave
        assert told(on_ray) == told(replay("logs", thresholds=["reward >= 30"], price_per_hour=1.0))
        with pytest.raises(MissingExtra, match=r"^reading Parquet needs pyarrow"):
            poisoned("ray", "missing")
        outcomes = poisoned("ray", "a", str(tmp_path / "once"), "deadly", "b")
    finally:
        ray.shutdown()
    assert named(outcomes) == ["a", "once", "deadly", "b"]
    assert [isinstance(each, Skipped) for each in outcomes] == [False, False, True, False]
