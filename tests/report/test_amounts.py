import pytest

from milepost.report.amounts import lasted, moment, usd


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "$0.00"), (0.01234, "$0.0123"), (1234.5, "$1,234.50"), (1e-6, "<$0.0001")]
)
def test_dollars(value: float | None, text: str) -> None:
    assert usd(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0s"), (59.94, "59.9s"), (59.95, "1:00"), (123.4, "2:03"), (3599.6, "1:00:00"), (90_061.0, "25:01:01")],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert lasted(seconds) == text


def test_moments_are_in_utc() -> None:
    assert moment(1_700_000_000.9) == "2023-11-14 22:13:20"
