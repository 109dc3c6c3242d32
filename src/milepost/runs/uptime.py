"""When this process and this machine started, as far as the system tells (Linux does)."""

import os
import time
from pathlib import Path


def process_age_seconds() -> float | None:
    """Return how long ago this process started; None where the system does not tell.

    Source: ``starttime``, field 22 of ``/proc/self/stat``, in clock ticks since boot (proc_pid_stat(5)).
    """
    uptime = machine_age_seconds()
    if uptime is None:
        return None
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return max(0.0, uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError):
        return None


def machine_age_seconds() -> float | None:
    """Return how long ago this machine booted, suspended time included; None where the system does not tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return None if clock is None else time.clock_gettime(clock)


def machine_start_id() -> str | None:
    """Return an id of this start of the machine; None where the system does not tell (Linux's ``boot_id``)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() or None
    except OSError:
        return None


def process_birth(pid: int) -> str | None:
    """Return what tells a process from all others that bear its number; None where the system does not tell.

    The machine's start, and ``starttime``, field 22 of ``/proc/<pid>/stat`` (proc_pid_stat(5)).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{machine_start_id()}:{fields[19]}"
    except (OSError, IndexError):
        return None
