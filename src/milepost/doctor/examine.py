"""Runs every check. A later family of checks is a file beside this one and a line in `CHECKS`."""

import os
from collections.abc import Mapping
from pathlib import Path

from milepost.config import Config
from milepost.doctor import clock, machine, prices, sinks, thresholds
from milepost.doctor.finding import SEVERITIES, Case, Check, Finding
from milepost.errors import PriceUnavailable
from milepost.prices.book import PriceBook
from milepost.tracked_run.opening import detect_for

CHECKS: tuple[Check, ...] = (thresholds.check, machine.check, prices.check, sinks.check, clock.check)


def examine(
    settings: Config | None, *, checkpoints: Path | None = None, environ: Mapping[str, str] | None = None
) -> list[Finding]:
    """Return what would spoil a run with this configuration on this machine, the worst first. Takes seconds.

    Args:
        settings: The configuration of the run; only the machine is looked at where not given.
        checkpoints: Folder of the trainer's checkpoints.
        environ: Environment variables; this process's where not given.

    Raises:
        ConfigError: The configuration's prices are wrong.
    """
    case = _case(settings or Config(thresholds=()), checkpoints, os.environ if environ is None else environ)
    checks = CHECKS if settings is not None else [check for check in CHECKS if check is not thresholds.check]
    findings = [finding for check in checks for finding in check(case)]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _case(settings: Config, checkpoints: Path | None, environ: Mapping[str, str]) -> Case:
    detection = detect_for(settings, probe=True)
    known = {"settings": settings, "detection": detection, "checkpoints": checkpoints, "environ": environ}
    if settings.prices == "off":
        return Case(**known, unpriced_because="prices: off")  # type: ignore[arg-type]
    book = PriceBook.of(settings.prices)
    try:
        quote, because = book.ask(detection.instance), None
    except PriceUnavailable as error:
        quote, because = None, str(error)
    return Case(
        **known,  # type: ignore[arg-type]
        quote=quote,
        unpriced_because=because,
        live_source=book.live_source(detection.instance),
        live_fault=book.live_fault(detection.instance),
    )
