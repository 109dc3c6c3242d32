import pytest
from hypothesis import given, strategies as st

from tests.helpers import START, quote

steps = st.lists(st.tuples(st.integers(0, 50), st.floats(0.1, 9)), max_size=5, unique_by=lambda step: step[0]).map(
    sorted
)


@given(st.floats(0.1, 9), steps, st.integers(0, 40), st.integers(1, 20))
def test_mean_price_is_the_sum_over_its_seconds(
    first: float, changes: list[tuple[int, float]], at: int, n: int
) -> None:
    price = quote(first, *changes)
    every = [price.usd_per_hour_at(START + second) for second in range(at, at + n)]
    assert price.mean_usd_per_hour(START + at, START + at + n) == pytest.approx(sum(every) / n)


def test_step_is_in_force_from_its_own_moment_on() -> None:
    price = quote(1.0, (10, 2.0))
    assert [price.usd_per_hour_at(START + second) for second in (9.999, 10, 11)] == [1.0, 2.0, 2.0]
