from typing import Any

import msgspec
import pytest

from milepost.report.footnotes import MOST_LINES, footnotes
from milepost.tracking.result import ThresholdResult
from tests.report.test_cells import RESULT

HOW = "--samples-column NAME or --samples-per-step N tells samples"


def changed(**fields: Any) -> ThresholdResult:
    return msgspec.structs.replace(RESULT, **fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, []),
        ({"samples_unit": "steps"}, [f"steps, not samples; {HOW}"]),
        ({"samples_unit": "epochs", "samples_source": "epoch"}, [f"epochs (epoch), not samples; {HOW}"]),
        (
            {"samples_unit": "steps", "uncounted_because": "num_tokens is no counter: it falls"},
            [f"steps, not samples: num_tokens is no counter: it falls; {HOW}"],
        ),
        (
            {"samples_unit": "steps", "uncounted_because": "name one with --samples-column"},
            ["steps, not samples: name one with --samples-column"],
        ),
        ({"samples_unit": "updates"}, ["updates are counted, since update() was told no samples"]),
        ({"samples_unit": None, "uncounted_because": "nothing counts"}, ["– no samples: nothing counts"]),
        (
            {"minutes_to_threshold": None, "untimed_because": "its times can't be"},
            ["– no minutes, no dollars: its times can't be"],
        ),
        (
            {"start_known": False, "bound": "lower"},
            ["≥ lower bounds: when the run began is not known, and time counts from its first observation"],
        ),
        (
            {"start_known": True, "bound": "lower"},
            ["≥ lower bounds: how long training took where it went on is not known"],
        ),
        ({"start_known": True, "bound": "upper", "already_met": True}, []),
    ],
)
def test_what_a_figure_is_not_is_said(fields: dict[str, Any], said: list[str]) -> None:
    assert footnotes([changed(**fields)]) == said


def test_bound_of_where_a_run_ended_is_said_where_that_is_shown() -> None:
    ended = msgspec.structs.replace(RESULT, achieved=False, minutes_to_threshold=None, start_known=False)
    assert footnotes([ended]) == []
    assert [line[:14] for line in footnotes([ended], ends=True)] == ["≥ lower bounds"]


def test_reason_of_many_runs_is_said_once_with_some_of_them() -> None:
    late = [changed(run=f"r{at}", minutes_to_threshold=None, untimed_because="no clock") for at in range(5)]
    assert footnotes(late) == ["– no minutes, no dollars: no clock"]
    assert footnotes([*late, RESULT]) == ["– no minutes, no dollars: no clock [r0, r1, r2 and 2 more]"]
    assert footnotes([*late[:2], *late[:2], RESULT]) == ["– no minutes, no dollars: no clock [r0, r1]"]


def test_many_reasons_are_counted() -> None:
    every = [
        changed(run=f"r{at}", minutes_to_threshold=None, untimed_because=f"reason {at}") for at in range(MOST_LINES + 2)
    ]
    lines = footnotes(every)
    assert (len(lines), lines[-1]) == (MOST_LINES + 1, "and 2 more reasons: --json has them all")
