"""What is shown in a terminal, as text, and runs to show."""

import io
from typing import Any

from rich.console import Console, RenderableType

from milepost.tracked_run.run import TrackedRun
from tests.helpers import FakeClock, ledger
from tests.tracked_run.helpers import tracked


def shown(renderable: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def run_of(*thresholds: Any, **fields: Any) -> tuple[TrackedRun, FakeClock]:
    clock = FakeClock()
    return tracked(thresholds=thresholds, book=ledger(**fields), clock=clock), clock
