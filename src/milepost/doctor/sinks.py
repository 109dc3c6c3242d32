"""Sinks that will lose data."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from milepost.doctor.finding import Case, Finding


def check(case: Case) -> Iterator[Finding]:
    """Look at how W&B would run, where results go there."""
    named = case.settings.sinks
    if named is not None and "wandb" not in named:
        return
    if find_spec("wandb") is None:
        if named is not None:
            what = "results are to be shown in W&B, and wandb is not installed: the run will not start."
            yield Finding("error", "wandb", what, "pip install 'milepost[wandb]', or take it out of sinks.")
        return
    mode = case.environ.get("WANDB_MODE", "online").lower()
    if mode == "disabled":
        what = "WANDB_MODE is disabled: W&B keeps nothing of this run."
        yield Finding("warning", "wandb", what, "Set WANDB_MODE to online or offline.")
    elif mode in ("offline", "dryrun"):
        if case.detection.instance.market == "spot":
            what = "WANDB_MODE is offline on a spot machine: what W&B wrote is lost when the machine is taken back."
            do = "Set WANDB_MODE=online, or WANDB_DIR to a disk that outlives the machine."
            yield Finding("error", "wandb", what, do)
        else:
            what = "WANDB_MODE is offline: nothing is sent."
            yield Finding("note", "wandb", what, "Send it afterwards with wandb sync.")
    elif not _has_key(case):
        what = "W&B is online and has no API key: wandb.init() will ask for one, or fail."
        do = "Run wandb login, set WANDB_API_KEY, or set WANDB_MODE=offline."
        yield Finding("warning" if named is None else "error", "wandb", what, do)


def _has_key(case: Case) -> bool:
    """Say whether there is a key where wandb looks: https://docs.wandb.ai/guides/track/environment-variables."""
    if case.environ.get("WANDB_API_KEY"):
        return True
    file = Path(os.path.expanduser(case.environ.get("NETRC") or "~/.netrc"))
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    host = case.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").rpartition("//")[2].partition("/")[0]
    return host in text
