from collections.abc import Callable

import msgspec
import pytest

from milepost.analysis.groups import NO_GROUP, Group, groups_of
from milepost.analysis.members import Target, members_of, names_of, target_of
from milepost.analysis.reach import Reach
from milepost.runs.record import RunRecord
from tests.analysis.records import run_of, with_results
from tests.helpers import threshold

RUNS = (
    run_of("fast", [1.0, 2.0], group="ppo"),
    run_of("stopped", [1.0, 1.0, 1.0], group="ppo"),
    run_of("ready", [5.0], group="sac"),
    run_of("alone", [0.0, 0.0, 2.0]),
)


def test_run_has_come_to_its_crossing_or_to_its_end() -> None:
    record = run_of("a", [1.0, 2.0, 3.0], threshold(), threshold(9.0, name="far"))
    reached, stopped = members_of(record)
    assert (reached.record, reached.result, reached.reach) == (record, record.results[0], Reach(20, 2 / 60, 2.0))
    assert (stopped.result.achieved, stopped.reach) == (False, Reach(30, 3 / 60, 3.0))


def test_thresholds_of_one_name_are_told_apart_by_their_targets() -> None:
    million = Target("far", "m", ">=", 1_000_000.0)
    others = [million._replace(target_value=1_000_001.0), million._replace(comparison="<=")]
    alone = Target("near", "loss", "<=", 0.25)
    assert str(alone) == "loss <= 0.25"
    assert names_of([alone, million, alone]) == {alone: "near", million: "far"}
    assert len(names_of([million, *others])) == 3
    assert names_of([million, *others])[others[1]] == "far (m <= 1e+06)"
    assert target_of(RUNS[0].results[0]) == Target("t", "m", ">=", 2.0)


def test_groups_count_the_runs_that_never_got_there() -> None:
    groups = groups_of(RUNS)
    assert [(group.name, [each.record.run.id for each in group.members]) for group in groups] == [
        (NO_GROUP, ["alone"]),
        ("ppo", ["fast", "stopped"]),
        ("sac", ["ready"]),
    ]
    assert [(group.reached, len(group.members)) for group in groups] == [(1, 1), (1, 2), (1, 1)]
    assert {group.target for group in groups} == {Target("t", "m", ">=", 2.0)}
    assert [each.reach.samples for each in groups[1].members] == [20, 30]


def test_one_group_has_as_many_as_its_runs_have_targets() -> None:
    other = run_of("other", [1.0, 2.0], threshold(1.5), group="ppo")
    assert [(group.name, group.target.target_value, len(group.members)) for group in groups_of([*RUNS[:2], other])] == [
        ("ppo", 2.0, 2),
        ("ppo", 1.5, 1),
    ]


def test_groups_stand_target_by_target_and_by_name() -> None:
    thresholds = (threshold(name="near"), threshold(9.0, name="far"))
    runs = [run_of("b1", [1.0], *thresholds, group="b"), run_of("a1", [1.0], *thresholds, group="a")]
    assert [(group.target.threshold, group.name) for group in groups_of(runs)] == [
        *(("near", "a"), ("near", "b")),
        *(("far", "a"), ("far", "b")),
    ]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        (lambda record: "all", ["all"]),
        (lambda record: str(record.run.config.get("lr")), ["0.1", "0.2"]),
    ],
)
def test_runs_are_grouped_by_whatever_names_their_group(by: Callable[[RunRecord], str], names: list[str]) -> None:
    runs = [
        msgspec.structs.replace(each, run=msgspec.structs.replace(each.run, config={"lr": 0.1 if at else 0.2}))
        for at, each in enumerate(RUNS)
    ]
    assert [group.name for group in groups_of(runs, by=by)] == names


def test_least_is_of_those_that_got_there() -> None:
    (everyone,) = groups_of([*RUNS[:2], run_of("slow", [0.0, 0.0, 0.0, 2.0])], by=lambda record: "all")
    assert named(everyone, "usd") == "fast"
    assert named(everyone, "minutes") == "fast"
    unpriced = run_of("unpriced", [2.0], usd_per_hour=None)
    (both,) = groups_of([unpriced, RUNS[0]], by=lambda record: "all")
    assert (named(both, "usd"), named(both, "samples")) == ("fast", "unpriced")
    (none,) = groups_of(RUNS[1:2])
    assert none.least("usd") is None


def named(group: Group, field: str) -> str | None:
    least = group.least(field)  # type: ignore[arg-type]
    return None if least is None else least.member.record.run.id


@pytest.mark.parametrize(
    ("bounds", "least"),
    [
        ((None, None, None), ("2", None)),
        (("lower", None, None), ("2", "lower")),  # the first took 2 s or more: the least is 2 s or more
        ((None, "lower", None), ("2", None)),  # others may only have taken more
        ((None, None, "upper"), ("2", "upper")),  # the last may have taken less
        (("lower", None, "upper"), ("3", "upper")),  # 3 s or less, whatever the first took
        (("lower", "lower", "upper"), ("4", "upper")),
        (("lower", "lower", "lower"), ("2", "lower")),
        (("upper", "lower", "lower"), ("2", "upper")),
    ],
)
def test_least_of_bounds_is_the_bound_that_follows(
    bounds: tuple[str | None, ...], least: tuple[str, str | None]
) -> None:
    """Three runs that reached 2 after 2, 3 and 4 s."""
    runs = [
        with_results(run_of(str(seconds), [0.0] * (seconds - 1) + [2.0]), bound=bound, start_known=True)
        for seconds, bound in zip((2, 3, 4), bounds, strict=True)
    ]
    (group,) = groups_of(runs)
    for field in ("minutes", "usd"):
        found = group.least(field)
        assert found is not None
        assert (found.member.record.run.id, found.bound) == least


def test_counts_of_different_units_are_not_ranked() -> None:
    steps = with_results(run_of("steps", [2.0]), samples_unit="steps")
    (both,) = groups_of([steps, run_of("samples", [0.0, 2.0])])
    assert both.least("samples") is None
    assert named(both, "minutes") == "steps"
    (alike,) = groups_of([steps, with_results(run_of("more", [0.0, 2.0]), samples_unit="steps")])
    assert named(alike, "samples") == "steps"


def test_bounds_are_those_of_the_crossing_or_of_the_end() -> None:
    met = with_results(run_of("met", [5.0]), bound="upper", start_known=True)
    late = with_results(run_of("late", [1.0]), start_known=False)
    (of_met,), (of_late,), (exact,) = (members_of(each) for each in (met, late, RUNS[0]))
    assert [of_met.bound_of(field) for field in ("samples", "minutes", "usd")] == ["upper"] * 3
    assert [of_late.bound_of(field) for field in ("samples", "minutes", "usd")] == [None, "lower", "lower"]
    assert exact.bound_of("usd") is None
