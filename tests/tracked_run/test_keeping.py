"""Tracked runs and their store: what is on disk when, and what training feels of a store that fails."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from milepost.runs.record import RunRecord
from milepost.store.store import Store
from milepost.tracked_run import opening, store_writer
from milepost.tracked_run.opening import track
from milepost.tracked_run.recorder import CLOSE_SECONDS, COMMIT_SECONDS, CUT_SHORT_SECONDS
from tests.helpers import START, FakeClock, threshold
from tests.tracked_run.helpers import kill, writer_of

FIXED: dict[str, Any] = {"price_per_hour": 3600.0, "instance": {"provider": "own"}, "sinks": []}


def kept_in(path: Path, run: str = "r") -> RunRecord:
    store = Store(path)
    record = store.load(run)
    store.close()
    assert record is not None
    return record


def start(code: str, *arguments: object, **environ: str) -> subprocess.Popen[str]:
    """Start a process that tracks run ``r`` in the store that is its first argument."""
    head = """
        import os, signal, sys, time
        import milepost
        from tests.helpers import threshold
        from tests.tracked_run.helpers import kill, writer_of
        from tests.tracked_run.test_keeping import FIXED
        run = milepost.track(thresholds=[threshold(5.0)], run="r", store=sys.argv[1], **FIXED)
        """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environ,
    )


def test_crossing_is_on_disk_when_update_returns(tmp_path: Path) -> None:
    path = tmp_path / "new" / "milepost.db"
    done = start(
        """
        (result,) = run.update({"m": 6.0}, 10)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        path,
    )
    done.communicate()
    assert done.returncode == -signal.SIGKILL
    record = kept_in(path)
    assert record.crossings["t"].position.samples == 10
    assert record.results[0].achieved
    assert record.results[0].cost_to_threshold is not None
    assert [event.kind for event in record.events] == ["crossing"]


def test_run_that_ends_is_kept_whole(tmp_path: Path) -> None:
    with track(
        thresholds=[threshold()], run="r", group="g", name="n", tags=["a"], seed=3, store=tmp_path / "a.db",
        run_config={"lr": 0.1, "optimizer": {"name": "adam"}, "api_key": "hunter2", "layers": [1, 2]}, **FIXED,
    ) as run:  # fmt: skip
        for samples in range(10):
            run.update({"m": float(samples), "other": 1.0}, samples)
        expected = run.get_results()
    record = kept_in(tmp_path / "a.db")
    assert (record.run.group, record.run.name, record.run.tags, record.run.seed) == ("g", "n", ("a",), 3)
    assert record.run.config == {"lr": 0.1, "optimizer.name": "adam", "layers": "[1, 2]"}
    assert (record.run.status, record.processes[0].has_ended) == ("closed", True)
    assert record.ledger == run.ledger
    assert record.results[0] == run.get_results()["t"]
    assert record.results[0].cost_to_threshold == expected["t"].cost_to_threshold
    assert [(event.kind, event.detail) for event in record.events] == [
        ("crossing", {"thresholds": ["t"]}),
        ("stop", {"why": "closed"}),
    ]
    (curve,) = record.curves
    assert [(point.samples, point.raw, point.smoothed) for point in curve.points] == [
        (samples, float(samples), float(samples)) for samples in range(10)
    ]
    assert "hunter2" not in (tmp_path / "a.db").read_bytes().decode("latin-1")


def test_default_store_lies_in_the_working_directory_and_off_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MILEPOST_STORE")
    monkeypatch.chdir(tmp_path)
    track(thresholds=[], store="off", **FIXED).close()
    assert list(tmp_path.iterdir()) == []
    track(thresholds=[], run="r", **FIXED).close()
    assert kept_in(tmp_path / ".milepost" / "milepost.db").run.status == "closed"


def test_store_of_the_environment_wins_over_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "thresholds.yaml"
    config.write_text(f"thresholds: []\nstore: {tmp_path / 'b.db'}\n")
    monkeypatch.setenv("MILEPOST_STORE", str(tmp_path / "a.db"))
    track(config, run="r", **FIXED).close()
    assert kept_in(tmp_path / "a.db")
    monkeypatch.delenv("MILEPOST_STORE")
    track(config, run="r", **FIXED).close()
    assert kept_in(tmp_path / "b.db")
    config.write_text("thresholds: []\nstore: off\n")
    monkeypatch.chdir(tmp_path)
    track(config, run="r", **FIXED).close()
    assert not (tmp_path / ".milepost").exists()


def test_other_ranks_keep_nothing_and_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    before = threading.active_count()
    with track(thresholds=[threshold()], store=tmp_path / "a.db", **FIXED) as run:
        run.update({"m": 9.0}, 1)
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_said_once_and_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("milepost.tracked_run.recorder.CLOSE_SECONDS", 0.5)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING), track(
        thresholds=[threshold()], run="r", store=tmp_path / "file" / "milepost.db", **FIXED
    ) as run:  # fmt: skip
        for samples in range(100):
            run.update({"m": float(samples)}, samples)
        assert run.is_complete()
    said = [record.message for record in caplog.records if record.name == "milepost.store"]
    assert sum("can't be kept just now; training goes on" in message for message in said) == 1
    assert any("its end could not be kept" in message for message in said)


def test_database_that_is_locked_is_waited_for_behind_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("milepost.store.database.BUSY_SECONDS", 0.05)
    monkeypatch.setattr(store_writer, "RETRY_SECONDS", (0.01, 0.05))
    path = tmp_path / "a.db"
    with caplog.at_level(logging.WARNING):
        run = track(thresholds=[threshold()], run="r", store=path, **FIXED)
        assert writer_of(run).flush(30)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        (result,) = run.update({"m": 9.0}, 7)
        assert result.achieved
        run.update({"m": 9.0}, 8)
        other.execute("COMMIT")
        other.close()
        assert writer_of(run).flush(30) or writer_of(run)._failing
        run.close()
    record = kept_in(path)
    assert record.crossings["t"].position.samples == 7
    assert record.ledger == run.ledger
    assert [event.kind for event in record.events] == ["crossing", "stop"]
    assert caplog.text.count("database is locked") <= 1


def test_full_disk_is_survived_and_nothing_is_lost_once_there_is_room(tmp_path: Path) -> None:
    done = start(
        """
        import logging, resource
        from milepost.tracked_run import store_writer
        logging.basicConfig(level=logging.WARNING)
        store_writer.RETRY_SECONDS = (0.01, 0.05)
        writer = writer_of(run)
        assert writer.flush(30)
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))  # as a disk that is full: files can't grow
        for samples in range(1, 200):
            run.update({"m": float(samples)}, samples)
        assert writer._failing
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        run.close()
        """,
        tmp_path / "a.db",
    )
    _, said = done.communicate()
    assert done.returncode == 0, said
    assert said.count("can't be kept just now") == 1
    assert "nothing was lost" in said
    record = kept_in(tmp_path / "a.db")
    assert (record.crossings["t"].position.samples, record.run.status) == (5, "closed")
    assert len(record.curves[0].points) == 199


def test_slow_store_holds_a_crossing_up_for_no_longer_than_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    write = Store.write

    def slowly(self: Store, record: Any) -> None:
        if record.crossings:
            release.wait(60)
        write(self, record)

    monkeypatch.setattr(Store, "write", slowly)
    waited: list[float] = []
    with (
        caplog.at_level(logging.WARNING),
        track(thresholds=[threshold()], run="r", store=tmp_path / "a.db", **FIXED) as run,
    ):
        flush = writer_of(run).flush

        def flush_in(seconds: float) -> bool:
            waited.append(seconds)
            return flush(seconds)

        monkeypatch.setattr(writer_of(run), "flush", flush_in)
        assert run.update({"m": 9.0}, 7)
        release.set()
    assert waited == [COMMIT_SECONDS] == [0.25]
    assert caplog.text.count("took longer than 0.25 s to commit, which goes on behind") == 1
    assert kept_in(tmp_path / "a.db").crossings["t"].position.samples == 7


@pytest.mark.parametrize(
    ("why", "seconds"),
    [("closed", CLOSE_SECONDS), ("failed", CLOSE_SECONDS), ("terminated", CUT_SHORT_SECONDS), ("interrupted", 5.0)],
)
def test_end_waits_for_its_store_unless_somebody_is_about_to_end_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, seconds: float
) -> None:
    waited: list[float] = []
    close = store_writer.StoreWriter.close

    def close_in(self: store_writer.StoreWriter, seconds: float) -> bool:
        waited.append(seconds)
        return close(self, 60)

    monkeypatch.setattr(store_writer.StoreWriter, "close", close_in)
    run = track(thresholds=[threshold()], run="r", store=tmp_path / "a.db", **FIXED)
    run.close(why)
    assert waited == [seconds]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_signals_end_the_run_and_then_the_process_as_before(tmp_path: Path, number: int, status: str) -> None:
    path = tmp_path / "a.db"
    done = start("run.update({'m': 1.0}, 3); print('ready', flush=True); time.sleep(60)", path)
    assert done.stdout is not None
    assert done.stdout.readline() == "ready\n"
    done.send_signal(number)
    _, said = done.communicate()
    assert done.returncode == -number or (number == signal.SIGINT and "KeyboardInterrupt" in said)
    record = kept_in(path)
    assert (record.run.status, record.ledger.segments[0].marks[-1].name, record.run.alive_at) == (
        *(status, status),
        record.ledger.segments[0].marks[-1].wall_time,
    )
    assert record.ledger.segments[0].marks[-1].samples == 3


def test_signal_ends_every_run_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    done = start(
        """
        run.update({"m": 1.0}, 3)
        second, third = (milepost.track(thresholds=[], run=name, store=sys.argv[1], **FIXED) for name in "st")
        run.close()
        second.update({"m": 1.0}, 4)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        path,
    )
    _, said = done.communicate()
    assert done.returncode == -signal.SIGTERM, said
    statuses = {name: kept_in(path, name).run.status for name in "rst"}
    assert statuses == {"r": "closed", "s": "terminated", "t": "terminated"}


def test_handler_of_the_program_decides_when_to_end(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    done = start(
        """
        run.close()
        stop = []
        signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
        run = milepost.track(thresholds=[threshold(5.0)], run="second", store=sys.argv[1], **FIXED)
        samples = 0
        print('ready', flush=True)
        while not stop:
            samples += 1
            run.update({'m': 1.0}, samples)
        run.update({'m': 1.0}, samples + 1)
        print(samples + 1)
        run.close()
        assert signal.getsignal(signal.SIGTERM).__name__ == '<lambda>'
        """,
        path,
    )
    assert done.stdout is not None
    assert done.stdout.readline() == "ready\n"
    done.send_signal(signal.SIGTERM)
    out, said = done.communicate()
    assert done.returncode == 0, said
    record = kept_in(path, "second")
    assert record.run.status == "terminated"
    assert record.ledger.segments[0].marks[-1].samples == int(out)
    assert kept_in(path).run.status == "closed"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("", "closed"),
        ("raise ValueError('training failed')", "failed"),
        ("sys.exit(3)", "closed"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(os.getpid(), signal.SIGTERM)", "closed"),
    ],
)
def test_run_that_nobody_closes_is_closed_at_exit(tmp_path: Path, code: str, status: str) -> None:
    start(f"run.update({{'m': 1.0}}, 3)\n{code}", tmp_path / "a.db").communicate()
    record = kept_in(tmp_path / "a.db")
    assert (record.run.status, record.ledger.segments[0].marks[-1].kind) == (status, "end")


AT_A_PROMPT = """
undefined
import milepost
from tests.tracked_run.test_keeping import FIXED
run = milepost.track(thresholds=[], run="r", store="{store}", **FIXED)
later_undefined
"""


@pytest.mark.parametrize("program", [["-i"], ["-m", "IPython", "--simple-prompt", "--no-banner"]])
def test_error_at_a_prompt_does_not_make_a_run_fail(tmp_path: Path, program: list[str]) -> None:
    said = AT_A_PROMPT.format(store=tmp_path / "a.db")
    environ = os.environ | {"IPYTHONDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, *program], input=said, capture_output=True, text=True, env=environ)
    assert (done.stdout + done.stderr).count("NameError") >= 2
    assert kept_in(tmp_path / "a.db").run.status == "closed"


def test_child_that_is_forked_off_does_not_end_the_run(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    done = start(
        """
        import warnings
        warnings.simplefilter("ignore")
        child = os.fork()
        if child == 0:
            run.update({'m': 9.0}, 50)
            run.close()
            os.kill(os.getpid(), signal.SIGTERM)
        assert os.waitpid(child, 0)[1] == signal.SIGTERM
        run.update({'m': 1.0}, 60)
        run.close()
        """,
        path,
    )
    _, said = done.communicate()
    assert done.returncode == 0, said
    record = kept_in(path)
    assert (record.run.status, record.crossings, record.ledger.segments[0].marks[-1].samples) == ("closed", {}, 60)


def test_two_live_processes_of_one_run_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.db"
    first = start("writer_of(run).flush(60); print('ready', flush=True); time.sleep(60)", path)
    assert first.stdout is not None
    assert first.stdout.readline() == "ready\n"
    with caplog.at_level(logging.WARNING):
        track(thresholds=[threshold()], run="r", store=path, **FIXED).close()
    assert f"run 'r' is tracked by two live processes: {os.getpid()} on" in caplog.text
    assert f"and {first.pid} on" in caplog.text
    record = kept_in(path)
    assert record.ledger.segments[0].end is None  # it lives on: nobody ends it for it
    first.kill()
    first.communicate()


def test_process_of_another_machine_is_found_out_by_its_heartbeat(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import msgspec

    path = tmp_path / "a.db"
    config = tmp_path / "thresholds.yaml"
    config.write_text("thresholds: []\nheartbeat_seconds: 0.05\n")
    run = track(config, run="r", store=path, **FIXED)
    writer = writer_of(run)
    assert writer.flush(30)
    store = Store(path)
    other = msgspec.structs.replace(writer.process, id="other", host="elsewhere", pid=77, birth=None)
    assert writer._last is not None
    store.write(msgspec.structs.replace(writer._last, processes=(other,)))
    store.say_alive("other", other.started_at + 60)
    with caplog.at_level(logging.WARNING):
        waited = threading.Event()
        for _ in range(200):
            if "77 on elsewhere" in caplog.text:
                break
            waited.wait(0.05)
        run.close()
    assert caplog.text.count("77 on elsewhere") == 1


def test_process_is_alive_by_the_wall_times_that_its_trainer_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process is ended there: by another clock, it would have run for as long as the two differ."""
    clock = FakeClock()
    monkeypatch.setattr(opening, "SYSTEM_CLOCK", clock)
    config = tmp_path / "thresholds.yaml"
    config.write_text("thresholds: []\nheartbeat_seconds: 0.05\n")
    run = track(config, run="r", store=tmp_path / "a.db", **FIXED)
    run.update({"m": 1.0}, 1, wall_time=START - 1000)
    assert writer_of(run).flush(30)
    clock.advance(7.0)
    waited = threading.Event()
    for _ in range(400):
        (process,) = kept_in(tmp_path / "a.db").processes
        if process.alive_at != START - 1000:
            break
        waited.wait(0.05)
    assert process.alive_at == START - 1000 + 7
    run.close()


def test_wall_clock_that_jumps_moves_nothing_and_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(opening, "SYSTEM_CLOCK", clock)
    monkeypatch.setattr(opening, "process_age_seconds", lambda: None)
    run = track(thresholds=[threshold(9.0)], run="r", store=tmp_path / "a.db", **FIXED)
    with caplog.at_level(logging.WARNING):
        for second in range(100):
            clock.advance(1.0)
            if second == 30:
                clock.jumped = 3600.0
            if second == 60:
                clock.jumped = -3600.0
            run.update({"m": float(second == 80) * 9}, second)
        run.close()
    record = kept_in(tmp_path / "a.db")
    assert record.results[0].minutes_to_threshold == pytest.approx(81 / 60)
    assert record.results[0].cost_to_threshold == pytest.approx(81.0)
    assert record.results[0].billed_cost_to_threshold == pytest.approx(81.0)
    assert [event.detail for event in record.events if event.kind == "clock_jump"] == [
        {"seconds": pytest.approx(3600.0)},
        {"seconds": pytest.approx(-7200.0)},
    ]
    assert "the system's clock jumped by +3600 s" in caplog.text


def test_set_up_in_a_saved_state_is_no_training_time_of_a_trainer_that_tells_its_own(tmp_path: Path) -> None:
    path = tmp_path / "milepost.db"
    first = track(thresholds=[threshold(5.0)], run="r", store=path, **FIXED)
    threading.Event().wait(0.1)  # of set-up, which a state tells of
    state = first.state_dict()
    assert state["elapsed_seconds"] >= 0.1
    for second in range(1, 6):
        first.update({"m": 1.0}, 10 * second, float(second))
    kill(first)
    with track(thresholds=[threshold(5.0)], run="r", store=path, **FIXED) as resumed:
        resumed.load_state_dict(state)
        for second in range(1, 4):
            resumed.update({"m": 2.0 * second}, 10 * second, float(second))
        result = resumed.get_results()["t"]
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (30, 0.05)
    assert (result.cost_to_threshold, result.after_cost) == (3.0, 2.0)


@pytest.mark.parametrize(("said", "known"), [(True, True), (False, None)])
def test_what_is_known_of_checkpoints_is_kept_with_the_run(tmp_path: Path, said: bool, known: bool | None) -> None:
    path = tmp_path / "milepost.db"
    thresholds = [threshold(2.0, name="two"), threshold(5.0, name="five")]
    first = track(thresholds=thresholds, run="r", store=path, **FIXED)
    first.update({"m": 3.0}, 10, 1.0)
    state = first.state_dict()
    if said:
        first.checkpointed()
    first.update({"m": 6.0}, 20, 2.0)  # a crossing is written at once, with what else is known
    kill(first)
    # Without a state of its own, the next process knows what the store does; with one, that this was saved.
    for loaded, expected in ((None, {"two": known, "five": False}), (state, {"two": True, "five": False})):
        with track(thresholds=thresholds, run="r", store=path, **FIXED) as resumed:
            if loaded is not None:
                resumed.load_state_dict(loaded)
            told = {name: result.checkpointed for name, result in resumed.get_results().items()}
            assert told == expected
            resumed.update({"m": 1.0}, 10, 1.5)
