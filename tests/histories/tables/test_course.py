"""How columns go: what trainings count, drawn in all the ways in which counts fall, against numbers of a batch."""

import random

from hypothesis import given, strategies as st

from milepost.histories.tables.course import of_clock, of_counter

SIZES = st.sampled_from([1, 64, 2048])
"""Samples of a step."""


@st.composite
def counts(draw: st.DrawFn) -> list[int]:
    """Return what a training counts, row by row, of one kind of fall."""
    step, rows = draw(SIZES), draw(st.integers(20, 200))
    kind = draw(st.sampled_from(["none", "rewinds", "late evaluations", "epochs"]))
    told: list[int] = []
    at = 0
    while len(told) < rows:
        at += 1
        told.append(at * step)
        if kind == "rewinds" and draw(st.integers(0, 19)) == 0:
            at = max(1, at - draw(st.integers(1, 9)))
        elif kind == "late evaluations" and at > 10 and draw(st.integers(0, 3)) == 0:
            told.append((at - draw(st.integers(1, 8))) * step)
        elif kind == "epochs" and at == 20:
            at = 0
    return told


@given(counts())
def test_what_a_training_counts_is_never_refused(told: list[int]) -> None:
    assert of_counter(told).fall is None


@given(st.integers(40, 300), st.sampled_from(["gauss", "uniform"]), st.integers(0, 2**32))
def test_numbers_of_a_batch_and_seconds_of_an_iteration_are(rows: int, kind: str, seed: int) -> None:
    chance = random.Random(seed)
    told = [chance.gauss(4096, 100) if kind == "gauss" else chance.uniform(1, 4096) for _ in range(rows)]
    assert of_counter([round(each) for each in told]).fall is not None
    assert of_clock([each / 1000 for each in told], ()).fall is not None


@given(counts(), st.floats(0.01, 100))
def test_a_timer_that_goes_with_the_count_is_a_clock(told: list[int], seconds: float) -> None:
    back = of_counter(told).all_falls
    assert of_clock([each * seconds for each in told], back).fall is None


@given(st.integers(3, 40), st.integers(1, 6), st.floats(0.5, 1000))
def test_a_timer_that_starts_anew_is_a_clock(rows: int, starts: int, seconds: float) -> None:
    told = [seconds * at for _ in range(starts) for at in range(1, rows + 1)]
    assert of_clock(told, ()).fall is None
