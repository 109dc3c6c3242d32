import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from milepost.tracking import trail as module
from milepost.tracking.trail import MOST, Trail


def singly(rows: list[tuple[int, float]]) -> Trail:
    trail = Trail()
    for samples, elapsed in rows:
        if samples >= trail.due:
            trail.add(samples, elapsed)
    return trail


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 5)), min_size=1, max_size=60), st.lists(st.integers(1, 59)))
@settings(max_examples=200)
def test_rows_at_once_leave_the_trail_of_rows_one_by_one(steps: list[tuple[int, float]], cuts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST", 8)
        samples = np.cumsum([step for step, _ in steps])
        elapsed = np.cumsum([seconds for _, seconds in steps])
        expected = singly(list(zip(samples.tolist(), elapsed.tolist(), strict=True)))
        trail = Trail()
        ends = sorted({cut for cut in cuts if cut < len(steps)} | {len(steps)})
        for first, stop in zip([0, *ends], ends, strict=False):
            trail.extend(samples[first:stop], elapsed[first:stop])
        assert trail.state == expected.state
        assert len(trail.state.samples) < 8


def test_short_run_is_kept_whole_and_found_exactly() -> None:
    trail = singly([(10 * at, float(at)) for at in range(MOST - 1)])
    assert trail.find(990) == (99.0, True)
    assert trail.find(995) == (99.0, False)  # the last below, and never the nearest above
    assert trail.find(-1) is None
    assert trail.before(990) == (980, 98.0)
    assert trail.row_seconds() == 1.0


def test_long_run_keeps_a_bounded_number_that_covers_it() -> None:
    trail = singly([(at, at / 2) for at in range(100_000)])
    state = trail.state
    assert MOST // 4 < len(state.samples) < MOST
    assert state.samples[0] == 0
    found = trail.find(77_777)
    assert found is not None
    assert 77_777 / 2 - state.spacing / 2 <= found[0] <= 77_777 / 2
    assert trail.row_seconds() == 0.5


def test_what_training_went_back_behind_is_forgotten() -> None:
    trail = singly([(at, float(at)) for at in range(100)])
    trail.cut(40)
    assert trail.find(90) == (40.0, False)
    assert trail.due == 41


def test_state_goes_on_as_it_was() -> None:
    rows = [(7 * at, float(at)) for at in range(3000)]
    whole = singly(rows)
    trail = Trail(singly(rows[:1700]).state)
    for samples, elapsed in rows[1700:]:
        if samples >= trail.due:
            trail.add(samples, elapsed)
    assert trail.state == whole.state
