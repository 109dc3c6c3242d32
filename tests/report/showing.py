"""What is shown in a terminal, as text, and runs to show."""

import io
from typing import Any

from rich.console import Console, RenderableType

from milepost.tracked_run import TrackedRun
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import FakeClock, ledger


def shown(renderable: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def run_of(*thresholds: Any, **fields: Any) -> tuple[TrackedRun, FakeClock]:
    clock = FakeClock()
    tracker = PerformanceThresholdTracker(thresholds, ledger=ledger(**fields), clock=clock)
    return TrackedRun(tracker, clock=clock), clock
