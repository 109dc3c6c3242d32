"""Durations that are written as text."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from milepost.histories.tables.durations import duration_seconds
from tests.histories.helpers import column, one


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:32:48", 1968.0),
        ("05:12", 312.0),  # fastai, tqdm
        ("1:05:12", 3912.0),
        ("75:30", 4530.0),
        ("2 days, 9:23:39", 206_619.0),  # Python's timedelta
        ("1 day, 0:00:00.500000", 86_400.5),
        ("0 days 00:32:48.250000", 1968.25),  # pandas
        ("120:00:00", 432_000.0),
        ("1h 2min 3s", 3723.0),
        ("2d 1hr 0min 5s", 176_405.0),  # Ray
        ("90s", 90.0),
        (" 1.5 s ", 1.5),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *(
            None,
            "",
            "-1 day, 23:59:59",
            "1:75:00",
            "0:32:61",
            "1 day, 25:00:00",
            "12",
            "1:2:3:4",
            "2026-01-01",
            "s",
            "d",
        ),
        *("1:", ":12", "٣:١٢", "1" * 100, "5 apples", "12:30 PM"),
    ],
)
def test_what_is_no_duration_is_none(text: str | None) -> None:
    assert duration_seconds(text) is None


@given(st.timedeltas(timedelta(0), timedelta(days=900_000)))
def test_whatever_python_writes_is_read(duration: timedelta) -> None:
    assert duration_seconds(str(duration)) == pytest.approx(duration.total_seconds(), rel=1e-12)


def test_hours_of_the_day_are_no_durations(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("samples,timestamp,reward\n" + "".join(f"{at},14:00:0{at},{at}\n" for at in range(1, 5)))
    assert one(path).untimed_because is not None


def test_a_duration_per_epoch_is_no_clock(tmp_path: Path) -> None:
    # fastai's CSVLogger, history.csv
    path = tmp_path / "history.csv"
    path.write_text(
        "epoch,train_loss,valid_loss,time\n0,0.9,0.8,05:12\n1,0.7,0.6,05:10\n2,0.5,0.4,05:11\n3,0.4,0.3,05:12\n"
    )
    history = one(path)
    assert history.untimed_because is not None
    assert column(history, "train_loss") == [0.9, 0.7, 0.5, 0.4]


def test_one_text_that_is_no_duration_tells_no_time_and_its_row_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("samples,elapsed_time,reward\n1,0:01:00,1\n2,soon,2\n3,0:03:00,3\n4,-1 day\\, 1:00:00,4\n4,,4\n")
    history = one(path)
    assert column(history, "samples") == [1, 2, 3, 3, 4]
    told = column(history, "elapsed_seconds")
    assert [told[0], told[2]] == [60.0, 180.0]
    assert told[1] != told[1]
    assert "values of 'elapsed_time' are no times; these rows tell none" in caplog.text
