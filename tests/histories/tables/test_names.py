"""The one table of names: what it knows, and that the documentation prints it."""

from pathlib import Path

import pytest

from milepost.histories.tables.names import (
    RANKS,
    TABLE,
    counters,
    described,
    elapsed_clocks,
    is_loose,
    unit_seconds,
    wall_clocks,
)

DOCS = Path(__file__).parents[3] / "docs" / "replay.md"


def test_documentation_prints_the_table() -> None:
    text = DOCS.read_text()
    printed = text.partition("<!-- names: ")[2].partition("-->\n")[2].partition("\n<!-- /names -->")[0]
    assert printed == described()


def test_no_name_stands_twice() -> None:
    assert {kind: len(names) for kind, names in TABLE.items()} == {kind: len(keys) for kind, keys in RANKS.items()}


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["TotalEnvInteracts", "total-env-interacts", "Total Env Interacts", "x/total_env_interacts"], "samples"),
        (
            ["consumed samples", "consumed-samples", "num_timesteps", "timestep", "Timestep", "frame", "frames"],
            "samples",
        ),
        (["time/sample", "Diagnostics/CumSteps", "exploration/num steps total", "train.env_step"], "samples"),
        (["total_steps", "train/step", "Iteration", "trainer/global_step", "_step", "num_updates"], "steps"),
        (["Epoch", "train/epoch"], "epochs"),
    ],
)
def test_counters_are_known_by_their_names(names: list[str], kind: str) -> None:
    assert [list(counters([name])) for name in names] == [[(name, kind)] for name in names]


def test_clocks_are_known_by_their_names() -> None:
    elapsed = [
        "elapsed_ms",
        "elapsedMs",
        "Elapsed Time (s)",
        "accumulated_submission_time",
        "time",
        "Time",
        "CumTime (s)",
    ]
    assert [elapsed_clocks([name]) for name in elapsed] == [[name] for name in elapsed]
    wall = ["walltime", "Wall time", "wall_time", "timeStamp", "_timestamp", "@timestamp"]
    assert [wall_clocks([name]) for name in wall] == [[name] for name in wall]


def test_what_names_something_else_is_not_known() -> None:
    others = [
        "rewards/time",
        "audio/hours",
        "step_time_ms",
        "fps",
        "val/samples",
        "eval/time_elapsed",
        "data_time",
        "times",
    ]
    assert [name for name in others if [*counters([name]), *elapsed_clocks([name]), *wall_clocks([name])]] == []


def test_whole_names_go_before_pieces_and_what_is_written_alike_before_what_is_not() -> None:
    assert [name for name, _ in counters(["x/step", "Step", "step"])] == ["step", "Step", "x/step"]


def test_units_are_told_by_the_end_of_a_name() -> None:
    names = ["elapsed_ms", "elapsedMs", "Time (s)", "time [min]", "hours", "total_time-h", "timestamps", "rhythms"]
    assert [unit_seconds(name) for name in names] == [1e-3, 1e-3, 1.0, 60.0, 3600.0, 3600.0, None, None]


def test_loose_names() -> None:
    assert [is_loose(name) for name in ("time", "Time", "time_ms", "frame", "elapsed", "samples")] == [
        *([True] * 4),
        *([False] * 2),
    ]
