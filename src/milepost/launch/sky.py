"""SkyPilot's own command line, of an environment of its own: it wants another click than Milepost does."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from milepost.errors import MilepostError
from milepost.launch.launches import Launched

VARIABLE = "MILEPOST_SKY"
"""Names the ``sky`` command, where it is not on the path."""

INSTALL = "uv tool install 'skypilot[aws]>=0.14,<0.15'"


class SkyMissing(MilepostError):
    """SkyPilot is needed and is not installed."""


class SkyFailed(MilepostError):
    """SkyPilot's command line failed; the message says which call, and what it said last."""


class SkyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What SkyPilot says of a run.

    Attributes:
        status: Its word for it, such as ``RUNNING`` or ``UP``; None where it does not know the run.
        where: Cloud, region and machine.
        recoveries: How often a managed job was recovered.
        usd: Its estimate of the cost so far; None where it has none: of managed jobs it keeps none.
        usd_because: What that estimate is, or why there is none.
    """

    status: str | None
    where: str | None = None
    recoveries: int | None = None
    usd: float | None = None
    usd_because: str = ""


def find_sky(environ: Mapping[str, str] | None = None) -> str:
    """Return the path of the ``sky`` command.

    Raises:
        SkyMissing: There is none; says what to install.
    """
    environ = os.environ if environ is None else environ
    named = environ.get(VARIABLE) or "sky"
    if found := shutil.which(named, path=environ.get("PATH")):
        return found
    raise SkyMissing(
        f"launch: found no command {named!r}, expected SkyPilot 0.14 in an environment of its own: {INSTALL} "
        f"(or pipx install …; your cloud in place of aws), then `sky check`. {VARIABLE} names the command where it is "
        "not on PATH; --dry-run works without it"
    )


def launch_command(launched: Launched, *, detach: bool) -> list[str]:
    """Return the call that starts a run, less the command itself. Values of secrets are taken from variables."""
    kind = ["jobs", "launch", "-n", launched.run] if launched.managed else ["launch", "-c", launched.run, "--down"]
    secrets = [word for name in launched.secrets for word in ("--secret", name)]
    return [*kind, "-y", *(["-d"] if detach else []), *secrets, str(launched.task_file)]


def start(sky: str, launched: Launched, secrets: Mapping[str, str], *, detach: bool) -> bool:
    """Start a run, with SkyPilot talking to whoever watches; say whether that went well."""
    command = [sky, *launch_command(launched, detach=detach)]
    return subprocess.run(command, env={**os.environ, **secrets}, check=False).returncode == 0


def follow_logs(sky: str, launched: Launched, *, follow: bool) -> int:
    """Show what a run prints; return SkyPilot's exit status."""
    flag = "--follow" if follow else "--no-follow"
    call = ["jobs", "logs", "-n", launched.run, flag] if launched.managed else ["logs", launched.run, flag]
    return subprocess.run([sky, *call], check=False).returncode


def stop(sky: str, launched: Launched) -> bool:
    """End a run and its machines; say whether that went well."""
    call = ["jobs", "cancel", "-n", launched.run, "-y"] if launched.managed else ["down", "-y", launched.run]
    return subprocess.run([sky, *call], check=False).returncode == 0


def statuses_of(sky: str, launches: Sequence[Launched]) -> list[SkyStatus]:
    """Ask SkyPilot how runs do; each question is asked once.

    Raises:
        SkyFailed: It could not be asked.
    """
    names = [launched.run for launched in launches if not launched.managed]
    jobs = _asked(sky, "jobs", "queue", "--all", "-o", "json") if len(names) < len(launches) else []
    clusters = _asked(sky, "status", *names, "-o", "json") if names else []
    reports = _asked(sky, "cost-report", "--all", "--days", "0", "-o", "json") if names else []
    return [
        _job_status(jobs, launched) if launched.managed else _cluster_status(clusters, reports, launched)
        for launched in launches
    ]


def _cluster_status(
    clusters: Sequence[Mapping[str, Any]], reports: Sequence[Mapping[str, Any]], launched: Launched
) -> SkyStatus:
    cluster = next((each for each in clusters if each.get("name") == launched.run), {})
    costs = [float(each["total_cost"]) for each in reports if each.get("name") == launched.run]
    return SkyStatus(
        status=cluster.get("status") or ("TERMINATED" if costs else None),
        where=_joined(cluster.get("cloud"), cluster.get("region"), cluster.get("resources_str")),
        usd=sum(costs) if costs else None,
        usd_because="SkyPilot's catalog price of its own record of the cluster, from launch to teardown"
        if costs
        else "SkyPilot has no record of such a cluster",
    )


def _job_status(jobs: Sequence[Mapping[str, Any]], launched: Launched) -> SkyStatus:
    mine = [job for job in jobs if job.get("job_name") == launched.run]
    job = mine[0] if mine else {}
    return SkyStatus(
        status=job.get("status"),
        where=_joined(job.get("cloud"), job.get("region"), job.get("cluster_resources")),
        recoveries=job.get("recovery_count"),
        usd_because="SkyPilot keeps no cost of managed jobs: their clusters come and go",
    )


def _asked(sky: str, *call: str) -> list[dict[str, Any]]:
    done = subprocess.run([sky, *call], capture_output=True, text=True, check=False)
    try:
        if done.returncode:
            raise ValueError(f"exit status {done.returncode}")
        # It may say something before: a hint, the progress of a request.
        begins = re.search(r"^\[", done.stdout, re.MULTILINE)
        return list(json.loads(done.stdout[begins.start() if begins else 0 :]))
    except ValueError as error:
        last = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-1:]
        raise SkyFailed(f"sky {' '.join(call)}: {error}{f': {last[0].strip()}' if last else ''}") from None


def _joined(*parts: str | None) -> str | None:
    return " ".join(part for part in parts if part and part != "-") or None
