"""Runs in Aim's environment: tracks the processes of runs that its input names. Contacts nobody.

Aim's clock is set to the times that the rows bear.
"""

import datetime
import functools
import gc
import json
import os
import sys
import time
import types
from typing import Any

import aim.sdk.reporter
from aim import Repo, Run

QUIET = {"capture_terminal_logs": False, "system_tracking_interval": None}


def main() -> None:
    """Track what standard input tells: a repository, and its runs, by name."""
    told = json.load(sys.stdin)
    repo = Repo.from_path(told["repository"], init=True)
    for name, run in told["runs"].items():
        track(repo, name, run)


def track(repo: Repo, name: str, told: dict[str, Any]) -> None:
    """Track the processes of a run."""
    run_hash = None
    for process in told["processes"]:
        began = process["started_at"]
        aim.sdk.reporter.time = types.SimpleNamespace(**{**vars(time), "time": lambda began=began: began})
        created_at = datetime.datetime.fromtimestamp(began, datetime.UTC).replace(tzinfo=None)
        repo.request_props = functools.partial(Repo.request_props, repo, created_at=created_at)
        run = Run(run_hash, repo=repo, experiment=told.get("experiment"), log_system_params=True, **QUIET)
        if run_hash is None:
            run.name = name
            run["hparams"] = {"seed": 3, "lr": 0.1, "optimizer": {"name": "adam"}, "layers": [64, 32]}
            run["fast"] = True
        run_hash = run.hash
        for wall, step, values in process["rows"]:
            for key, value, context in values:
                run._tracker._track(value, wall, key, step, 1, context=context)
        if told.get("is_archived"):
            run.archived = True
        if told.get("is_killed"):
            os._exit(9)
        run.close()
        del run
        gc.collect()  # its databases are closed with it


if __name__ == "__main__":
    main()
