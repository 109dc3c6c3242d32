"""Has real trainers' own code write to a console: run as a program, ``KIND FOLDER``, since it imports what is large."""

import os
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LONG = "a_metric_whose_name_is_too_long_for_it"
"""With its indent, longer than the 36 characters that Stable-Baselines3 shows of a key."""


def written(kind: str, folder: Path) -> None:
    """Write the files of one kind."""
    subprocess.run([sys.executable, __file__, kind, str(folder)], check=True, capture_output=True)


def sb3(folder: Path) -> None:
    """Two processes of Stable-Baselines3: the second goes on from a checkpoint at 200 of 400 steps."""
    from stable_baselines3.common.logger import HumanOutputFormat, Logger, configure

    def process(path: Path, mode: str, rows: list[tuple[int, float, float]]) -> None:
        with path.open(mode) as file:
            file.write("Using cpu device\nWrapping the env in a DummyVecEnv.\n")
            logger = Logger(folder=None, output_formats=[HumanOutputFormat(file)])
            for steps, elapsed, reward in rows:
                logger.record("rollout/ep_rew_mean", reward)
                logger.record("time/total_timesteps", steps)
                logger.record("time/time_elapsed", int(elapsed))
                logger.record("time/fps", 50)
                logger.record(f"train/{LONG}", steps / 100)
                logger.record("train/loss", float("nan") if steps == 200 else 1 / steps)
                logger.record("untagged", 7)
                logger.dump(steps)

    logger = configure(str(folder / "run"), ["csv", "log", "json"])
    for steps in (100, 200):
        logger.record("rollout/ep_rew_mean", steps / 1000 + 12.3456)
        logger.record("time/total_timesteps", steps)
        logger.dump(steps)
    logger.close()
    first = [(100, 60.0, 10.0), (200, 120.0, 20.0), (300, 180.0, 30.0), (400, 240.0, 40.0)]
    process(folder / "sb3.log", "w", first)
    process(folder / "resumed.log", "w", first)
    process(folder / "resumed.log", "a", [(300, 60.0, 31.0), (400, 120.0, 35.0), (500, 180.0, 50.0)])


def keras(folder: Path) -> None:
    """Fits of Keras on a clock of its own: 2 s a batch, 8 batches an epoch, 3 s of validation."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    import numpy
    from keras.src.utils import progbar

    now = 1000.0
    progbar.time = SimpleNamespace(time=lambda: now)

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        """Lets time pass, also between epochs, and tells values that are known."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            nonlocal now
            now += 2.0

        def on_test_begin(self, logs: Any = None) -> None:
            nonlocal now
            now += 3.0

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            logs["known"] = float("nan") if epoch == 1 else 10.0 * (epoch + 1)

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            nonlocal now
            now += 100.0

    x = numpy.arange(64.0).reshape(64, 1) / 64
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")

    def fit(path: Path, mode: str, verbose: int, *more: Any, **options: Any) -> None:
        with path.open(mode) as file, redirect_stdout(file):
            told = {"batch_size": 8, "verbose": verbose, "callbacks": [Clock(), *more]} | options
            model.fit(x, x, **told)
            model.evaluate(x, x, batch_size=8, verbose=verbose, callbacks=[Clock()])
            model.predict(x, batch_size=8, verbose=verbose)

    saver = keras.callbacks.ModelCheckpoint(folder / "best.keras", monitor="loss", verbose=1)
    for verbose in (1, 2):
        fit(folder / f"verbose{verbose}.log", "w", verbose, epochs=3, validation_data=(x, x))
        fit(folder / f"saved{verbose}.log", "w", verbose, saver, epochs=3)
    path = folder / "resumed.log"
    fit(path, "w", 2, epochs=4, validation_data=(x, x))
    fit(path, "a", 2, epochs=6, initial_epoch=2, validation_data=(x, x))
    for _ in range(2):
        fit(folder / "twice.log", "a", 1, epochs=2, validation_data=(x, x))


def ray(folder: Path) -> None:
    """What Ray Tune's reporters, the current one and the one before, write of two trials."""
    from ray.tune import progress_reporter
    from ray.tune.experimental import output

    class Trial(SimpleNamespace):
        """As much of a trial as the reporters look at."""

        def __str__(self) -> str:
            return str(self.name)

    def trials(iteration: int) -> list[Any]:
        made = []
        for number, rate in enumerate((0.1, 0.2)):
            last = {
                "training_iteration": iteration,
                "time_total_s": 30.0 * iteration,
                "timesteps_total": 1000 * iteration,
                "episode_reward_mean": 100.0 * rate * iteration,
                "accuracy_on_the_second_set": rate * iteration,
            }
            identity = {"trial_id": f"1a2b3_0000{number}", "name": f"f_1a2b3_0000{number}"}
            told = {"config": {"lr": rate}, "evaluated_params": {"lr": rate}, "last_result": last if iteration else {}}
            state = {
                "status": "RUNNING" if iteration else "PENDING",
                "error_file": None,
                "location": None,
                "local_experiment_path": "e",
                "temporary_state": SimpleNamespace(location=None),
            }
            made.append(Trial(**identity, **told, **state, node_ip="", pid=1, checkpoint=None))
        return made

    reporter = output.TuneTerminalReporter(output.AirVerbosity.VERBOSE, num_samples=2, config={"lr": _grid()})
    with (folder / "tune.log").open("w") as file, redirect_stdout(file):
        reporter.setup(start_time=time.time(), total_samples=2)
        for iteration in (0, 2, 2, 4):
            made = trials(iteration)
            if iteration == 4:
                reporter.on_trial_result(4, made, made[0], made[0].last_result)
            reporter.print_heartbeat(made, force=True)
    columns = {name: name for name in ("training_iteration", "time_total_s", "timesteps_total", "episode_reward_mean")}
    columns = {**columns, **progress_reporter.CLIReporter.DEFAULT_COLUMNS}
    lines = []
    for iteration in (2, 4):
        lines.append("== Status ==\nMemory usage on this node: 8.7/15.5 GiB")
        lines.append(progress_reporter._trial_progress_str(trials(iteration), columns, ["lr"], force_table=True))
    (folder / "before.log").write_text("\n".join(lines) + "\n")


def _grid() -> Any:
    from ray import tune

    return tune.choice([0.1, 0.2])


if __name__ == "__main__":
    {"sb3": sb3, "keras": keras, "ray": ray}[sys.argv[1]](Path(sys.argv[2]))
