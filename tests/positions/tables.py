"""Writers of tables and of trainers' own files, and what each tells."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy

from tests.positions.oracle import Tells
from tests.positions.training import Row, Training

Names = dict[str, str]
"""What a format calls ``count``, ``timer``, ``wall`` and the metrics."""

PLAIN: Names = {"count": "samples", "timer": "elapsed_seconds", "wall": "wall_time"}


def columns(row: Row, names: Names) -> dict[str, float]:
    """Return a row as a format calls what is in it; it has no more than that has a name, but for metrics."""
    told = {"count": row.count, "timer": row.timer, "wall": row.wall}
    found: dict[str, float] = {names[key]: value for key, value in told.items() if key in names}
    return found | {names.get(name, name): value for name, value in row.values.items()}


def without(*keys: str) -> Names:
    """Return the plain names but for some."""
    return {key: name for key, name in PLAIN.items() if key not in keys}


def csv(path: Path, training: Training, names: Names, *, has_headers: bool = True) -> Path:
    """Write a CSV file: each process writes a header, or the first alone."""
    metrics = dict.fromkeys(names.get(name, name) for row in training.rows for name in row.values)
    header = [names[key] for key in ("count", "timer", "wall") if key in names] + list(metrics)
    lines = []
    for process, rows in groupby(training.rows, lambda row: row.process):
        if has_headers or process == 0:
            lines.append(",".join(header))
        for row in rows:
            told = columns(row, names)
            lines.append(",".join(repr(told[name]) if name in told else "" for name in header))
    path.write_text("\n".join(lines) + "\n")
    return path


def csv_reordered(path: Path, training: Training, names: Names) -> Path:
    """Write a CSV file in which each process has its columns in another order than the one before."""
    csv(path, training, names)
    lines, turned = path.read_text().splitlines(), True
    header = lines[0]
    for at, line in enumerate(lines):
        turned = not turned if line == header else turned
        lines[at] = ",".join(reversed(line.split(","))) if turned else line
    path.write_text("\n".join(lines) + "\n")
    return path


def csv_of_a_spreadsheet(path: Path, training: Training, names: Names) -> Path:
    """Write a CSV file as spreadsheets do where a comma sets decimals apart."""
    text = csv(path, training, names).read_text()
    path.write_bytes(b"\xff\xfe" + text.replace(",", ";").replace(".", ",").encode("utf-16-le"))
    return path


SPINNING_UP: Names = {"count": "TotalEnvInteracts", "timer": "Time", "reward": "AverageEpRet"}


def jsonl(path: Path, training: Training, names: Names) -> Path:
    """Write JSON lines."""
    path.write_text("".join(f"{json.dumps(columns(row, names))}\n" for row in training.rows))
    return path


def parquet(path: Path, training: Training, names: Names) -> Path:
    """Write a Parquet file, by Polars."""
    import polars

    polars.DataFrame([columns(row, names) for row in training.rows], infer_schema_length=None).write_parquet(path)
    return path


SB3: Names = {"count": "time/total_timesteps", "timer": "time/time_elapsed", "reward": "rollout/ep_rew_mean"}
RAY: Names = {
    "count": "timesteps_total",
    "timer": "time_total_s",
    "wall": "timestamp",
    "reward": "episode_reward_mean",
    "eval": "evaluation/episode_reward_mean",
}


def ray_results(path: Path, training: Training) -> Path:
    """Write Ray's ``result.json``, whose evaluations are objects in objects."""
    lines: list[str] = []
    for row in training.rows:
        told: dict[str, Any] = columns(row, RAY)
        if RAY["eval"] in told:
            told["evaluation"] = {"episode_reward_mean": told.pop(RAY["eval"])}
        lines.append(json.dumps(told | {"config": {"lr": 0.1}, "training_iteration": len(lines) + 1}))
    path.write_text("\n".join(lines) + "\n")
    return path


def console(path: Path, training: Training) -> Path:
    """Write tables as Stable-Baselines3 draws them, of values that are not rounded."""
    lines = ["Using cpu device"]
    for row in training.rows:
        tag, cells = "", []
        for name, value in sorted(columns(row, SB3).items()):
            above, _, key = name.rpartition("/")
            if above and above != tag:
                tag = above
                cells.append((f"{tag}/", ""))
            cells.append((f"   {key}" if above else key, repr(value)))
        widths = [max(len(cell[side]) for cell in cells) for side in (0, 1)]
        rule = "-" * (sum(widths) + 7)
        lines += [rule, *(f"| {key:<{widths[0]}} | {value:<{widths[1]}} |" for key, value in cells), rule]
    path.write_text("\n".join(lines) + "\n")
    return path


def json_rows(path: Path, training: Training) -> Path:
    """Write one array of rows."""
    path.write_text(json.dumps([columns(row, PLAIN) for row in training.rows], indent=1))
    return path


def trainer_state(path: Path, training: Training) -> Path:
    """Write Hugging Face's ``trainer_state.json``, which tells no time."""
    names = {"count": "num_input_tokens_seen", "eval": "eval_reward"}
    logged = [columns(row, names) | {"step": row.count // 100, "epoch": row.count / 1e5} for row in training.rows]
    path.write_text(
        json.dumps({"global_step": 1, "max_steps": 1, "best_metric": None, "log_history": logged}, indent=2)
    )
    return path


def evaluations(path: Path, training: Training) -> Path:
    """Write Stable-Baselines3's ``evaluations.npz``, which tells no time."""
    counts = [row.count for row in training.rows]
    rewards = [[row.values["reward"]] * 2 for row in training.rows]
    with path.open("wb") as file:
        numpy.savez(file, timesteps=counts, results=rewards, ep_lengths=[[1, 1]] * len(counts))
    return path


def monitor(path: Path, training: Training) -> Path:
    """Write Stable-Baselines3's ``monitor.csv``: an episode a row, with its length."""
    lines = [f"#{json.dumps({'t_start': training.starts[0], 'env_id': 'env'})}", "r,l,t"]
    last = 0
    for row in training.rows:
        lines.append(f"{row.values['reward']},{row.count - last},{row.timer}")
        last = row.count
    path.write_text("\n".join(lines) + "\n")
    return path


def mlperf(path: Path, training: Training) -> Path:
    """Write MLPerf's lines; each process says ``run_start``."""
    lines = []

    def say(key: str, value: object, at: float, **metadata: object) -> None:
        told = {"namespace": "", "time_ms": round(at * 1000), "event_type": "POINT_IN_TIME", "key": key, "value": value}
        lines.append(f":::MLLOG {json.dumps(told | {'metadata': metadata})}")

    for process, rows in groupby(training.rows, lambda row: row.process):
        say("run_start", None, training.starts[process])
        for row in rows:
            for name, value in row.values.items():
                say(f"eval_{name}", value, row.wall, samples_count=row.count)
    path.write_text("\n".join(lines) + "\n")
    return path


def text(path: Path, training: Training, names: Names, *, stamp: str = "") -> Path:
    """Write lines of text, with a stamp before each where a form of it is given."""
    lines = []
    for row in training.rows:
        when = datetime.fromtimestamp(row.wall, UTC).strftime(stamp)
        told = " | ".join(f"{name}: {value!r}" for name, value in columns(row, names).items())
        lines.append(f"{when}{told}")
    path.write_text("\n".join(lines) + "\n")
    return path


class Written:
    """A way to write trainings down.

    Args:
        write: Writes one into a folder, and returns what is to be replayed.
        tells: What it tells.
        reward: What ``reward`` is called there.
        evaluation: What ``eval`` is called there; None where it can't tell of one by itself.
        lacks: Scenarios that it can't be written of.
    """

    def __init__(
        self,
        write: Callable[[Path, Training], Path | str],
        tells: Tells,
        *,
        reward: str = "reward",
        evaluation: str | None = "eval",
        lacks: tuple[str, ...] = (),
    ) -> None:
        self.write, self.tells = write, tells
        self.metrics = {"reward": reward} | ({"eval": evaluation} if evaluation else {})
        self.lacks = lacks

    def scenarios(self, names: Iterator[str]) -> list[str]:
        """Return those that it can be written of."""
        can_be_late = "eval" in self.metrics
        return [name for name in names if name not in self.lacks and (can_be_late or name != "late_evaluation")]


RESUMED = ("resumed", "resumed_with_new_timer", "resumed_twice", "resumed_just_before", "timer_restart")

TABLES = {
    "csv": Written(lambda folder, each: csv(folder / "log.csv", each, PLAIN), Tells(timer=True, boundaries=True)),
    "csv_wall": Written(lambda folder, each: csv(folder / "log.csv", each, without("timer")), Tells(boundaries=True)),
    "csv_timer": Written(
        lambda folder, each: csv(folder / "log.csv", each, without("wall")),
        Tells(timer=True, wall=False, boundaries=True),
    ),
    "csv_one_header": Written(
        lambda folder, each: csv(folder / "log.csv", each, PLAIN, has_headers=False), Tells(timer=True)
    ),
    "csv_reordered": Written(
        lambda folder, each: csv_reordered(folder / "log.csv", each, PLAIN), Tells(timer=True, boundaries=True)
    ),
    "csv_of_a_spreadsheet": Written(
        lambda folder, each: csv_of_a_spreadsheet(folder / "log.csv", each, PLAIN), Tells(timer=True, boundaries=True)
    ),
    "spinning_up": Written(
        lambda folder, each: csv(folder / "progress.txt", each, SPINNING_UP),
        Tells(timer=True, wall=False, boundaries=True),
        reward=SPINNING_UP["reward"],
    ),
    "jsonl": Written(lambda folder, each: jsonl(folder / "log.jsonl", each, PLAIN), Tells(timer=True)),
    "jsonl_wall": Written(lambda folder, each: jsonl(folder / "log.jsonl", each, without("timer")), Tells()),
    "jsonl_untimed": Written(
        lambda folder, each: jsonl(folder / "log.jsonl", each, without("timer", "wall")), Tells(wall=False)
    ),
    "parquet": Written(lambda folder, each: parquet(folder / "log.parquet", each, PLAIN), Tells(timer=True)),
    "parquet_wall": Written(lambda folder, each: parquet(folder / "log.parquet", each, without("timer")), Tells()),
    "sb3_progress": Written(
        lambda folder, each: csv(folder / "progress.csv", each, SB3),
        Tells(timer=True, wall=False, boundaries=True),
        reward=SB3["reward"],
    ),
    "console": Written(
        lambda folder, each: console(folder / "out.log", each), Tells(timer=True, wall=False), reward=SB3["reward"]
    ),
    "json": Written(lambda folder, each: json_rows(folder / "log.json", each), Tells(timer=True)),
    "sb3_monitor": Written(
        lambda folder, each: monitor(folder / "monitor.csv", each),
        Tells(timer=True, wall=False),
        reward="r",
        evaluation=None,
        lacks=RESUMED,
    ),
    "sb3_evaluations": Written(
        lambda folder, each: evaluations(folder / "evaluations.npz", each),
        Tells(wall=False),
        reward="eval/mean_reward",
        evaluation=None,
    ),
    "trainer_state": Written(
        lambda folder, each: trainer_state(folder / "trainer_state.json", each),
        Tells(wall=False),
        evaluation="eval_reward",
    ),
    "ray_progress": Written(
        lambda folder, each: csv(folder / "progress.csv", each, RAY, has_headers=False),
        Tells(timer=True),
        reward=RAY["reward"],
        evaluation=RAY["eval"],
    ),
    "ray_results": Written(
        lambda folder, each: ray_results(folder / "result.json", each),
        Tells(timer=True),
        reward=RAY["reward"],
        evaluation="evaluation.episode_reward_mean",
    ),
    "text": Written(
        lambda folder, each: text(
            folder / "train.log", each, {"count": "consumed samples", "timer": "elapsed"}, stamp="[%Y-%m-%d %H:%M:%S] "
        ),
        Tells(timer=True),
    ),
    "text_wall": Written(
        lambda folder, each: text(
            folder / "train.log", each, {"count": "samples"}, stamp="%Y/%m/%d %H:%M:%S,%f - INFO - "
        ),
        Tells(),
    ),
    "text_timer": Written(
        lambda folder, each: text(folder / "train.log", each, {"count": "samples", "timer": "elapsed"}),
        Tells(timer=True, wall=False),
    ),
    "text_untimed": Written(
        lambda folder, each: text(folder / "train.log", each, {"count": "step"}), Tells(wall=False, unit="steps")
    ),
    "mlperf": Written(
        lambda folder, each: mlperf(folder / "result_0.txt", each),
        Tells(starts="all", boundaries=True),
        reward="eval_reward",
        evaluation="eval_eval",
    ),
}
