"""Timing two things side by side."""

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

Work = Callable[[], object]


class Ratio(NamedTuple):
    """Two medians of one run, and how they compare.

    Attributes:
        name: What was measured.
        seconds: Median of one piece of work.
        against: Median of what it is held against.
        bound: The most that the ratio may be; infinite where it is measured only.
        of_memory: Whether both are bytes, and not seconds.
    """

    name: str
    seconds: float
    against: float
    bound: float
    of_memory: bool = False

    @property
    def ratio(self) -> float:
        """The first over the second."""
        return self.seconds / self.against

    def row(self) -> str:
        """Return it as a row of a Markdown table."""
        verdict = "kept" if self.ratio <= self.bound else "**missed**"
        bound = f"{self.bound:.4g} | {verdict}" if math.isfinite(self.bound) else "none | measured"
        shown = _shown_bytes if self.of_memory else _shown
        times = f"{shown(self.seconds)} | {shown(self.against)}"
        return f"| {self.name} | {times} | {self.ratio:.4g} | {bound} |"


def side_by_side(
    name: str, work: Work, against: Work, *, bound: float, rounds: int = 200, calls: tuple[int, int] = (1, 1)
) -> Ratio:
    """Time two pieces of work in turns, so that whatever else the machine does meets both.

    Args:
        name: What is measured.
        work: Does ``calls[0]`` calls of the first.
        against: Does ``calls[1]`` calls of the second.
        bound: The most that the ratio may be.
        rounds: How often each is timed.
        calls: Calls in one piece of each.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for each, spent, number in zip((work, against), times, calls, strict=True):
            start = time.perf_counter()
            each()
            spent.append((time.perf_counter() - start) / number)
    return Ratio(name, statistics.median(times[0]), statistics.median(times[1]), bound)


def machine() -> str:
    """Say what this ran on."""
    import platform

    return f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def _shown(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _shown_bytes(size: float) -> str:
    return f"{size / 2**20:.4g} MiB"


def peak_bytes(command: Sequence[str]) -> float:
    """Return the peak memory of a command's process.

    A process between says so: a child's peak counts from what its parent held as it was made, and this one holds much.
    """
    code = (
        "import resource, subprocess; "
        f"subprocess.run({[*command]!r}, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return int(said) * 1024.0
