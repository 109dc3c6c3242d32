"""Runs every check. A later family of checks is a file beside this one and a line in `CHECKS`."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from milepost.config import Config
from milepost.doctor import clock, logs as earlier_logs, machine, prices, sinks, store, thresholds
from milepost.doctor.finding import SEVERITIES, Case, Check, Finding
from milepost.instances.detect import Detection
from milepost.log import gathered
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.pricing import Pricer, detect_for
from milepost.replaying.metrics_in_logs import metrics_in_logs

CHECKS: tuple[Check, ...] = (
    thresholds.check,
    earlier_logs.check,
    machine.check,
    prices.check,
    sinks.check,
    store.check,
    clock.check,
)


def examine(
    settings: Config | None,
    *,
    checkpoints: Path | None = None,
    logs: Sequence[str] = (),
    patterns: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return what is wrong with a setup, a configuration on this machine, the worst first. Takes seconds.

    Args:
        settings: The configuration of the run; only the machine is looked at where not given.
        checkpoints: Folder of the trainer's checkpoints.
        logs: Paths of the logs of earlier runs, whose metrics the thresholds are held against.
        patterns: Regular expressions that lines of text among these logs are read by.
        environ: Environment variables; this process's where not given.

    Raises:
        ConfigError: The configuration's prices are wrong.
        HistoryError: Nothing could be read of the logs.
    """
    with gathered():
        known = metrics_in_logs(logs, patterns=patterns) if logs else None
    checks = CHECKS if settings is not None else [check for check in CHECKS if check is not thresholds.check]
    settings = settings or Config(thresholds=())
    pricer = Pricer(settings)
    priced = pricer.ask(pricer.detection.instance, datetime.now(UTC))
    case = Case(
        settings=settings,
        detection=detect_for(settings, probe=True),
        quote=priced.quote,
        unpriced_because=priced.because,
        live_source=None if pricer.book is None else pricer.book.live_source(priced.instance),
        live_fault=None if pricer.book is None else pricer.book.live_fault(priced.instance),
        checkpoints=checkpoints,
        environ=os.environ if environ is None else environ,
        logs=known,
    )
    return _found(checks, case)


def examine_elsewhere(
    settings: Config | None,
    instance: Instance,
    quote: Quote | None,
    environ: Mapping[str, str],
) -> list[Finding]:
    """Return what is wrong with a setup on another machine, the worst first; what only that machine knows is left out.

    Args:
        settings: The configuration of the run.
        instance: What a node will be, as far as is known.
        quote: Its price; None where only the machine itself will tell.
        environ: Environment variables that the run will have.
    """
    case = Case(
        settings=settings or Config(thresholds=()),
        detection=Detection(instance, 0, "launch"),
        quote=quote,
        environ={"NETRC": os.devnull, **environ},  # keys that lie here don't lie there
    )
    checks: list[Check] = [sinks.check, store.check_elsewhere]
    checks += [thresholds.check] if settings is not None else []
    checks += [prices.check] if quote is not None else []
    return _found(checks, case)


def _found(checks: Iterable[Check], case: Case) -> list[Finding]:
    findings = [finding for check in checks for finding in check(case)]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
