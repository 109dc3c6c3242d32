"""When processes and machines started, against what the kernel says itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from milepost.runs.record import Process
from milepost.tracked_run import process as module
from milepost.tracked_run.process import (
    is_alive,
    machine_age_seconds,
    process_age_seconds,
    process_birth,
    this_process,
)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_process_is_younger_than_its_machine() -> None:
    process, machine = process_age_seconds(), machine_age_seconds()
    if process is None or machine is None:
        pytest.skip("this system does not tell when it started")
    assert 0 <= process < machine
    assert process == pytest.approx(time.time() - Path("/proc/self").stat().st_ctime, abs=60)


@on_linux
def test_birth_is_what_stores_of_before_hold() -> None:
    """The machine's start, and field 22 of ``/proc/PID/stat``, clock ticks since then (proc_pid_stat(5))."""
    for pid in (1, os.getpid()):
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert process_birth(pid) == f"{boot}:{ticks}"


def test_process_lives_until_it_is_over() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = Process(
        id="p",
        host="h",
        pid=child.pid,
        birth=process_birth(child.pid),
        started_at=0.0,
        alive_at=0.0,
        heartbeat_seconds=15.0,
    )
    assert is_alive(known)
    child.communicate(b"\n")
    assert not is_alive(known)
    assert process_birth(child.pid) is None


def test_process_of_before_the_machine_started_anew_is_none_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    here = this_process(0.0, 15.0)
    assert (here.pid, is_alive(here)) == (os.getpid(), True)
    monkeypatch.setattr(module, "machine_start_id", lambda: "another start")
    assert not is_alive(here)


def test_clock_that_is_set_makes_no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What psutil says of the machine's start, and with it of a process's, follows the clock."""
    born, age = process_birth(os.getpid()), process_age_seconds()
    boot, create = psutil.boot_time, psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot() + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create(self) + 3600)
    assert process_birth(os.getpid()) == born
    assert process_age_seconds() == pytest.approx(age, abs=5)


def test_machine_without_a_clock_since_its_start_is_as_old_as_psutil_says(monkeypatch: pytest.MonkeyPatch) -> None:
    known = machine_age_seconds()
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert machine_age_seconds() == pytest.approx(known, abs=5)


def test_system_that_tells_nothing_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> float:
        raise psutil.AccessDenied

    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(psutil, "boot_time", refuse)
    assert (process_birth(os.getpid()), process_age_seconds(), machine_age_seconds()) == (None, None, None)
    assert not is_alive(this_process(0.0, 15.0))
