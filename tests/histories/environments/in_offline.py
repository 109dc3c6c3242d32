"""Runs in the trackers' environment: logs the runs that its input names by a tracker's own client. Contacts nobody.

Each tracker's clock is set to the times that the rows bear. What it is told comes from `tests.histories.trackers`.
"""

import contextlib
import datetime
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

Process = dict[str, Any]
"""``started_at`` (Unix seconds) and ``rows``: each a time, a step and values by metric."""


class Clock:
    """What the trackers take for the time, Unix seconds."""

    now = 0.0

    def seconds(self) -> float:
        """Return it."""
        return self.now

    def milliseconds(self) -> int:
        """Return it in milliseconds."""
        return round(self.now * 1000)


clock = Clock()


class Date(datetime.datetime):
    """Dates by that clock."""

    @classmethod
    def utcnow(cls) -> "Date":
        """Return it without a zone, as Sacred keeps it."""
        return cls.fromtimestamp(clock.now, datetime.UTC).replace(tzinfo=None)


def dvclive(folder: Path, processes: list[Process], options: dict[str, Any]) -> None:
    """Log by DVCLive, each process into the folder of before."""
    from dvclive import Live, plots

    plots.metric.time = types.SimpleNamespace(time=clock.seconds)
    quiet = {"report": None, "dvcyaml": None, "save_dvc_exp": False, "monitor_system": False}
    for number, process in enumerate(processes):
        with Live(str(folder / "dvclive"), resume=number > 0, **quiet) as live:
            live.log_params(options.get("params", {}))
            for wall, step, values in process["rows"]:
                clock.now, live.step = wall, step
                for name, value in values.items():
                    live.log_metric(name, value, timestamp=options.get("timestamp", True))
                live.make_summary()


def sacred(folder: Path, processes: list[Process], options: dict[str, Any]) -> None:
    """Log by Sacred, which knows no further process: all in one run."""
    import sacred.metrics_logger
    import sacred.run
    from sacred.observers import FileStorageObserver

    dates = types.SimpleNamespace(**{**vars(datetime), "datetime": Date})
    sacred.run.datetime = sacred.metrics_logger.datetime = dates
    experiment = sacred.Experiment("cartpole", save_git_info=False)
    experiment.observers.append(FileStorageObserver(str(folder / "runs")))
    experiment.add_config({"lr": 0.1, "optimizer": {"beta": 0.9}, "seed": 3})

    @experiment.main  # type: ignore[untyped-decorator]
    def train(_run: Any) -> None:
        sys.stdout.write("step: 1 loss: 9.0\nstep: 2 loss: 8.0\nstep: 3 loss: 7.0\n")
        for process in processes:
            for wall, step, values in process["rows"]:
                clock.now = wall
                for name, value in values.items():
                    _run.log_scalar(name, value, None if options.get("stepless") else step)

    clock.now = processes[0]["started_at"]
    experiment.run()


def swanlab(folder: Path, processes: list[Process], options: dict[str, Any]) -> None:
    """Log by SwanLab, offline; each process has a folder."""
    import swanlab as client
    from google.protobuf.internal import well_known_types

    def by_clock(self: Any) -> None:
        self.FromMicroseconds(round(clock.now * 1e6))

    well_known_types.Timestamp.GetCurrentTime = by_clock
    for process in processes:
        clock.now = process["started_at"]
        client.init(
            project="p",
            mode=options.get("mode", "offline"),
            log_dir=str(folder / "swanlog"),
            group="cartpole",
            config={"lr": 0.1, "optimizer": {"beta": 0.9}, "seed": 3},
        )
        for wall, step, values in process["rows"]:
            clock.now = wall
            client.log(values, step=step)
        client.finish()


def clearml(folder: Path, processes: list[Process], options: dict[str, Any]) -> None:
    """Log by ClearML, offline, which knows no further process: all in one session."""
    import shutil

    from clearml import Task
    from clearml.backend_interface.metrics import events

    events.time = types.SimpleNamespace(time=clock.seconds)
    Task._update_repository = lambda self: None  # it looks for the program's repository, for half a minute at times
    Task.set_offline(True)
    task = Task.init(
        project_name="cartpole",
        task_name="one",
        reuse_last_task_id=False,
        auto_connect_frameworks=False,
        auto_connect_arg_parser=False,
        auto_resource_monitoring=False,
    )
    task.connect({"lr": 0.1, "seed": 3})
    logger = task.get_logger()
    for process in processes:
        for wall, step, values in process["rows"]:
            clock.now = wall
            for name, value in values.items():
                title, _, series = name.partition("/")
                logger.report_scalar(title, series or title, value, step)
    logger.report_single_value("final", 3.0)
    task.close()
    session = Path(task.get_offline_mode_folder())
    shutil.copytree(session, folder / session.name)
    shutil.copy(f"{session}.zip", folder)


def comet(folder: Path, processes: list[Process], options: dict[str, Any]) -> None:
    """Log by Comet, offline, each process under the same key."""
    import comet_ml

    for name, module in list(sys.modules.items()):
        if name.startswith("comet_ml") and hasattr(module, "local_timestamp"):
            module.local_timestamp = clock.milliseconds  # type: ignore[attr-defined]
    quiet = dict.fromkeys(
        ("log_code", "log_graph", "auto_metric_logging", "parse_args", "log_env_details", "log_git_metadata"), False
    )
    key = options.get("key", "a" * 32)
    for number, process in enumerate(processes):
        clock.now = process["started_at"]
        experiment = comet_ml.start(
            online=False,
            project_name="cartpole",
            experiment_key=key,
            mode="get_or_create" if number else "create",
            experiment_config=comet_ml.ExperimentConfig(
                offline_directory=str(folder), auto_output_logging=False, **quiet
            ),
        )
        experiment.log_parameters({"lr": 0.1, "optimizer": {"beta": 0.9}, "seed": 3})
        for wall, step, values in process["rows"]:
            clock.now = wall
            for name, value in values.items():
                experiment.log_metric(name, value, step=step)
        experiment.end()


def main() -> None:
    """Log what standard input tells: the tracker, and its runs by folder."""
    told = json.load(sys.stdin)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        for folder, processes in told["runs"].items():
            Path(folder).mkdir(parents=True, exist_ok=True)
            globals()[told["tracker"]](Path(folder), processes, told["options"])


if __name__ == "__main__":
    main()
