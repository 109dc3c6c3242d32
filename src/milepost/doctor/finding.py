"""What a check looks at, and what it finds."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from milepost.config import Config
from milepost.instances.detect import Detection
from milepost.money.quote import Quote
from milepost.replaying.metrics_in_logs import LoggedMetric

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong with a setup.

    Attributes:
        severity: An ``error`` spoils a run, a ``warning`` may, a ``note`` is worth knowing.
        check: Which check found it.
        what: What will happen, in a sentence.
        do: What to do about it, in a sentence.
    """

    severity: Severity
    check: str
    what: str
    do: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What the doctor looks at.

    Attributes:
        settings: The configuration.
        detection: What this machine is taken for.
        quote: Its price; None where that is not known.
        unpriced_because: Why it is not.
        live_source: The live source that knows such machines and could be asked.
        live_fault: What went wrong when it was asked.
        checkpoints: Folder of the trainer's checkpoints, where it was named.
        environ: Environment variables.
        logs: What the logs of earlier runs hold, by metric, where they were named.
    """

    settings: Config
    detection: Detection
    quote: Quote | None = None
    unpriced_because: str | None = None
    live_source: str | None = None
    live_fault: str | None = None
    checkpoints: Path | None = None
    environ: Mapping[str, str] = {}
    logs: Mapping[str, LoggedMetric] | None = None


Check = Callable[[Case], Iterable[Finding]]
