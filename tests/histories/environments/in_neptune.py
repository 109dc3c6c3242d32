"""Runs in Neptune's environment: logs the processes of runs offline that its input names. Contacts nobody."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from neptune_scale import Run


def main() -> None:
    """Log what standard input tells: folders, with their processes."""
    for folder, processes in json.load(sys.stdin).items():
        for number, process in enumerate(processes):
            run = Run(
                project="ws/proj",
                run_id=Path(folder).name,
                experiment_name="cartpole",
                mode="offline",
                log_directory=folder,
                creation_time=datetime.fromtimestamp(process["started_at"], UTC),
            )
            if not number:
                run.log_configs({"seed": 3, "params/lr": 0.1, "fast": True, "optimizer": "adam"})
                run.add_tags(["a"])
            for wall, step, values in process["rows"]:
                run.log_metrics(values, step=step, timestamp=datetime.fromtimestamp(wall, UTC))
            for wall, step, values in process.get("previews", ()):
                time = datetime.fromtimestamp(wall, UTC)
                run.log_metrics(values, step=step, timestamp=time, preview=True, preview_completion=0.5)
            if process.get("is_killed"):
                sys.stdout.flush()
                os._exit(9)
            run.close()


if __name__ == "__main__":
    main()
