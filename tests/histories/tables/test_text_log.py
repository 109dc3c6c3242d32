"""The quick ways through a text log tell what the patterns tell, to the last bit, whatever stands in it."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

polars = pytest.importorskip("polars")

from milepost.histories.decoding.text_values import PerIteration  # noqa: E402
from milepost.histories.history import Wanted  # noqa: E402
from milepost.histories.tables.text_log import TextLog  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from milepost.replaying.workers import scheduling  # noqa: E402

Line = Callable[[int, float], str]


def nanogpt(row: int, loss: float) -> str:
    return f"step:{row}/9000 val_loss:{loss:.4f} train_time:{row * 147}ms step_avg:{147 + loss:.2f}ms"


def megatron(row: int, loss: float) -> str:
    return (
        f" iteration {row:8d}/    9000 | consumed samples: {row * 64:12d} | elapsed time per iteration (ms): "
        f"{147 + loss:.1f} | learning rate: 1.5E-04 | lm loss: {loss:.6E} | number of nan iterations:   0 |"
    )


def odd(line: str, chance: random.Random) -> str:
    """Return a line with something in it that others don't have."""
    at, other = chance.randrange(len(line)), chance.randrange(len(line))
    return chance.choice(
        [
            line[:at],
            line[:at] + line[at + 1 :],
            line[:at] + chance.choice("1-. |:=enan,\t") + line[at:],
            line[: min(at, other)] + line[max(at, other) :],
            line + " " + line,
            line.replace("loss", chance.choice(["loss:1 loss", "Loss", "loss ", "x_loss"])),
            line.replace("loss: ", chance.choice(["loss: nan", "loss: -", "loss:"])),
            line.replace("|", chance.choice(["||", ",", "| 5 |"]), 1),
            "",
            "something else: 5",
        ]
    )


def numbers(series: Any) -> Any:
    return series.cast(polars.Float64, strict=False).to_list()


@pytest.mark.parametrize(("line", "metric"), [(nanogpt, "val_loss"), (megatron, "lm loss")])
@pytest.mark.parametrize("seed", range(6))
def test_quick_ways_tell_what_patterns_tell(line: Line, metric: str, seed: int, tmp_path: Path) -> None:
    """Of a block with lines that the sample did not have."""
    chance = random.Random(seed)
    lines = [line(row, chance.uniform(1, 9)) for row in range(1, 100)]
    log = tmp_path / "train.log"
    log.write_text("\n".join(lines) + "\n")
    quick, slow = (TextLog(str(log), Wanted(metrics=frozenset({metric}))) for _ in range(2))
    assert (quick.words is None, quick.bars is None) == (line is megatron, line is nanogpt)
    slow.words = slow.bars = None
    for _ in range(20):
        block = lines[:]
        for at in chance.sample(range(len(lines)), chance.randrange(3)):
            block[at] = odd(block[at], chance)
        data = ("\n".join(block) + "\n").encode()
        for columns in (None, (*quick.columns[:2], "elapsed_seconds", metric)):
            quick._go_to(None)
            slow._go_to(None)
            told, expected = (table._of(data, columns, whole=True) for table in (quick, slow))
            assert told.height == expected.height
            for column in expected:
                found = numbers(told[column.name]) if column.name in told.columns else [None] * told.height
                assert repr(found) == repr(numbers(column)), column.name


def test_the_sum_of_averages_is_the_same_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(0)
    steps = [chance.choice([0, 1, 10, 100]) for _ in range(3000)]
    iterations = polars.Series([5.0 + sum(steps[: at + 1]) for at in range(len(steps))])
    seconds = polars.Series([chance.uniform(0, 1e3) for _ in steps])
    at_once, singly = PerIteration(10), PerIteration(10)
    monkeypatch.setattr(singly, "_of_rising", lambda *_: None)
    for part in (slice(0, 1000), slice(1000, 3000)):
        found, expected = (each.elapsed(iterations[part], seconds[part]) for each in (at_once, singly))
        assert repr(found.to_list()) == repr(expected.to_list())
        assert at_once.state() == singly.state()


def test_a_log_is_read_once_where_others_are_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What adds up from line to line can't be read at two places at once."""
    monkeypatch.setattr(scheduling, "WORTH_READING_AHEAD", 0)
    paths = [tmp_path / name / "train.log" for name in ("a", "b")]  # of one folder, their ends would be looked at too
    for path in paths:
        path.parent.mkdir()
        path.write_text("\n".join(megatron(row, 5.0 - row / 100) for row in range(1, 400)) + "\n")
    read: list[str] = []
    of = TextLog._of

    def counted(table: TextLog, *arguments: object, **options: object) -> Any:
        read.append(table.where)
        return of(table, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(TextLog, "_of", counted)
    results = replay(paths, thresholds=["lm loss <= 4"])
    assert sorted(read) == [str(path) for path in paths]
    assert [(each.samples_to_threshold, each.restarts) for each in results] == [(6400, 0)] * 2
