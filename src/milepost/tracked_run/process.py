"""This process and others of this machine: when they started, and which live."""

import os
import socket
import time
from pathlib import Path

from milepost.money.segment import new_id
from milepost.runs.record import Process


def this_process(now: float, heartbeat_seconds: float) -> Process:
    """Return this process, as the store knows it."""
    return Process(
        id=new_id(),
        host=socket.gethostname(),
        pid=os.getpid(),
        birth=process_birth(os.getpid()),
        started_at=now,
        alive_at=now,
        heartbeat_seconds=heartbeat_seconds,
    )


def is_alive(process: Process) -> bool:
    """Say whether a process of this machine lives."""
    return process.birth is not None and process.birth == process_birth(process.pid)


def process_birth(pid: int) -> str | None:
    """Return what tells a process from all others that bear its number; None where there is none, or nobody tells.

    The machine's start, and hundredths of a second from there to the process's: no clock that is set changes them.
    """
    started = _started_seconds(pid)
    return None if started is None else f"{machine_start_id()}:{round(100 * started)}"


def process_age_seconds() -> float | None:
    """Return how long ago this process started; None where the system does not tell."""
    started, machine = _started_seconds(os.getpid()), machine_age_seconds()
    return None if started is None or machine is None else max(0.0, machine - started)


def machine_age_seconds() -> float | None:
    """Return how long ago this machine booted, suspended time included; None where the system does not tell."""
    if (clock := getattr(time, "CLOCK_BOOTTIME", None)) is not None:  # to the microsecond, whatever is set; Linux only
        return time.clock_gettime(clock)
    import psutil

    try:
        return max(0.0, time.time() - psutil.boot_time())
    except (psutil.Error, OSError, RuntimeError):
        return None


def machine_start_id() -> str | None:
    """Return an id of this start of the machine; None where the system does not tell (Linux's ``boot_id``)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() or None
    except OSError:
        return None


def _started_seconds(pid: int) -> float | None:
    """Return how long after its machine a process started, to hundredths: the kernel's clock ticks.

    psutil adds the machine's start, which moves with the clock when that is set, to what it tells of a process.
    """
    import psutil

    try:
        machine = psutil.boot_time()
        return round(psutil.Process(pid).create_time() - machine, 2)
    except (psutil.Error, OSError, RuntimeError):
        return None
