"""Asks every metadata service at once what this machine is, one of which answers on a cloud, and for its GPUs."""

import os
import threading
import time
from collections.abc import Mapping, Sequence

import msgspec

from milepost.instances.gpus import GPUProbe
from milepost.instances.probe import Probe, ProbeFailed
from milepost.money.instance import Instance
from milepost.providers import every_provider, find_provider, load

LIMIT_SECONDS = 2.0
"""How long all of them may take together."""


class ProbeAnswer(msgspec.Struct, frozen=True):
    """What a probe found out.

    Attributes:
        name: What was asked.
        instance: What it told; None where it told nothing.
        reason: Why it told nothing.
    """

    name: str
    instance: Instance | None = None
    reason: str | None = None


_lock = threading.Lock()
_answers: tuple[ProbeAnswer, ...] | None = None


def probe_machine() -> tuple[ProbeAnswer, ...]:
    """Return what each metadata service answers, asked once in the life of this process. Takes 2 s at most."""
    global _answers
    with _lock:
        if _answers is None:
            services = [load(each.metadata)() for each in every_provider() if each.metadata is not None]
            _answers = ask_all([*services, GPUProbe()], os.environ)
        return _answers


def probe_gpus() -> tuple[ProbeAnswer, ...]:
    """Return what is told of this machine's GPUs, and ask no metadata service. Takes 2 s at most."""
    if _answers is not None:
        return tuple(answer for answer in _answers if answer.name == GPUProbe.name)
    return ask_all([GPUProbe()], os.environ)


def preemption_notice(provider: str) -> str | None:
    """Return what this machine's provider announces, where it is about to take it back; None where it does not.

    Takes 2 s at most.

    Raises:
        ProbeFailed: It does not answer, or is not to be asked.
    """
    deadline = time.monotonic() + LIMIT_SECONDS
    metadata = find_provider(provider).metadata
    if metadata is None:
        raise ProbeFailed(f"{provider} announces nothing that is known")
    probe: Probe = load(metadata)()
    if reason := probe.why_not(os.environ):
        raise ProbeFailed(reason)
    return probe.notice(os.environ, deadline)


def ask_all(probes: Sequence[Probe], environ: Mapping[str, str]) -> tuple[ProbeAnswer, ...]:
    """Ask probes side by side, each on a thread that has ended when this returns."""
    answers: dict[str, ProbeAnswer] = {}
    deadline = time.monotonic() + LIMIT_SECONDS
    threads = []
    for probe in probes:
        if reason := probe.why_not(environ):
            answers[probe.name] = ProbeAnswer(probe.name, reason=reason)
            continue
        thread = threading.Thread(target=_ask, args=(probe, environ, deadline, answers), daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return tuple(answers[probe.name] for probe in probes)


def _ask(probe: Probe, environ: Mapping[str, str], deadline: float, answers: dict[str, ProbeAnswer]) -> None:
    try:
        answers[probe.name] = ProbeAnswer(probe.name, probe.ask(environ, deadline))
    except ProbeFailed as error:
        answers[probe.name] = ProbeAnswer(probe.name, reason=str(error))
