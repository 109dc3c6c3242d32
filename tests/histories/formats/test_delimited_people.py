"""CSV as people, spreadsheets and resumed runs write it: headers again, numbers in the writer's own way, UTF-16."""

from pathlib import Path
from typing import Any

import pytest

from milepost.histories.decoding import files
from milepost.replaying.replay import replay
from milepost.tracking.result import ThresholdResult
from tests.histories.helpers import column, one


def written(folder: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def reached(path: Path, threshold: str, **options: Any) -> ThresholdResult:
    (result,) = replay(path, thresholds=[threshold], price_per_hour=6.0, **options)
    return result


def at(result: ThresholdResult) -> tuple[int | None, float | None]:
    return result.samples_to_threshold, result.minutes_to_threshold


FIRST = "samples,loss,reward,elapsed_seconds\n1000,9.0,1,60\n2000,8.0,2,120\n"


@pytest.mark.parametrize("block", [2**20, 40, 7])
@pytest.mark.parametrize(
    "rest",
    [
        "samples,reward,loss,elapsed_seconds\n3000,3,7.0,180\n4000,5,6.0,240\n",
        "elapsed_seconds,loss,reward,samples\n180,7.0,3,3000\n240,6.0,5,4000\n",
        "samples,loss,val_loss,reward,elapsed_seconds\n3000,7.0,99,3,180\n4000,6.0,98,5,240\n",
        "a_first,val_loss,samples,reward,elapsed_seconds,z_last\n0,99,3000,3,180,0\n0,98,4000,5,240,0\n",
        "samples,reward,elapsed_seconds\n3000,3,180\n4000,5,240\n",
        '"samples" , "reward", "elapsed_seconds"\r\n3000,3,180\r\n4000,5,240\r\n',
        "samples,loss,reward,elapsed_seconds\n3000,7,3,180\nreward,samples,elapsed_seconds\n5,4000,240\n",
    ],
)
def test_columns_are_those_of_the_last_header(
    tmp_path: Path, rest: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", block)
    result = reached(written(tmp_path, FIRST + rest), "reward >= 5")
    assert at(result) == (4000, 4.0)
    assert result.retained


def test_a_metric_of_a_later_header_alone_is_known(tmp_path: Path) -> None:
    rest = "samples,loss,val_loss,reward,elapsed_seconds\n3000,7.0,99,3,180\n4000,6.0,98,5,240\n"
    path = written(tmp_path, FIRST + rest)
    assert at(reached(path, "val_loss <= 98")) == (4000, 4.0)
    assert one(path).metrics == ("loss", "reward", "val_loss")


def test_rows_below_a_header_without_the_counter_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, FIRST + "loss,reward,elapsed_seconds\n7,3,180\n6,5,240\n")
    assert reached(path, "reward >= 5").minutes_to_threshold == 4.0
    assert "a header that comes again has no column 'samples'" in caplog.text


@pytest.mark.parametrize(
    "rows",
    ["train,0.5,1\ntest,0.25,2\n", "loss,0.5,1\nreward,0.25,2\n", "train,loss,1\ntrain,nan,2\n", "loss,,1\nloss,1,2\n"],
)
def test_rows_of_text_are_no_headers(tmp_path: Path, rows: str) -> None:
    history = one(written(tmp_path, "phase,loss,samples\n" + rows))
    assert column(history, "samples") == [1, 2]


@pytest.mark.parametrize("comment", ["# made by hand\n", "# a, b\n# c\n", "#\n", "# "])
def test_comments_above_the_header(tmp_path: Path, comment: str) -> None:
    history = one(written(tmp_path, comment + "samples,loss\n1,0.5\n2,0.25\n"))
    assert column(history, "loss") == [0.5, 0.25]
    assert column(history, "samples") == [1, 2]


def test_a_name_within_quotes_over_several_lines_is_no_header(tmp_path: Path) -> None:
    path = written(tmp_path, 'samples,note,loss\n1,"a\nsamples,note,loss\nb",0.5\n2,x,0.25\n')
    assert column(one(path), "loss") == [0.5, 0.25]


# Numbers.


def rows(*each: str, header: str = "samples;acc;elapsed_seconds") -> str:
    return "\n".join([header, *each]) + "\n"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(tmp_path: Path, separator: str) -> None:
    text = rows(*(f"{n}000;0,9{n};{60 * n - 30},5" for n in range(1, 6))).replace(";", separator)
    history = one(written(tmp_path, text, "log.tsv" if separator == "\t" else "log.csv"))
    assert column(history, "acc") == [0.91, 0.92, 0.93, 0.94, 0.95]
    assert column(history, "elapsed_seconds") == [30.5, 90.5, 150.5, 210.5, 270.5]


def test_points_set_thousands_apart_where_commas_are_decimal(tmp_path: Path) -> None:
    history = one(written(tmp_path, rows(*(f"{n}.000;0,9{n};{n}.060,5" for n in range(1, 4)))))
    assert column(history, "samples") == [1000, 2000, 3000]
    assert column(history, "elapsed_seconds") == [1060.5, 2060.5, 3060.5]


def test_points_are_decimal_where_nothing_says_otherwise(tmp_path: Path) -> None:
    assert column(one(written(tmp_path, rows("1;1.234;1", "2;2.345;2"))), "acc") == [1.234, 2.345]


def test_columns_may_be_written_each_in_its_way(tmp_path: Path) -> None:
    history = one(written(tmp_path, rows("1000;0.91;60,5", "2000;0.92;120,5", "3000;0.93;180,5")))
    assert column(history, "acc") == [0.91, 0.92, 0.93]
    assert column(history, "elapsed_seconds") == [60.5, 120.5, 180.5]


@pytest.mark.parametrize("thousand", ['"{},000"', "{} 000", "{}'000", "{}\u00a0000", "{}\u202f000", "{}_000"])
def test_thousands_set_apart(tmp_path: Path, thousand: str) -> None:
    each = (f"{thousand.format(n)},0.{n},{60 * n}" for n in range(1, 8))
    result = reached(written(tmp_path, rows(*each, header="samples,acc,elapsed_seconds")), "acc >= 0.5")
    assert at(result) == (5000, 5.0)


@pytest.mark.parametrize("number", ['"1,234,567"', '"1,234,567.0"', '"1.234.567,0"', '"1.234.567"'])
def test_what_can_mean_one_thing_alone_is_that(tmp_path: Path, number: str) -> None:
    text = rows(f"{number},1", header="samples,reward")
    assert column(one(written(tmp_path, text)), "samples") == [1_234_567]


def test_what_may_be_thousands_or_decimals_is_not_read_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = rows(*(f'"{n},000",{n},{60 * n}' for n in range(1, 8)), header="samples,reward,elapsed_seconds")
    result = reached(written(tmp_path, text), "reward >= 5")
    assert at(result) == (None, 5.0)
    assert "'samples' holds '1,000', no number that can be read" in (result.uncounted_because or "")
    assert "'samples' holds '1,000', and nothing in the file tells whether its comma sets" in caplog.text


def test_a_column_that_contradicts_itself_is_not_read_where_it_has_commas(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    history = one(written(tmp_path, rows("1;0.5;1", "2;0,25;2", "3;0.125;3")))
    assert column(history, "acc") == [0.5, None, 0.125]
    assert "'acc' has commas and points before decimals: what has a comma is not read" in caplog.text


def test_percent_signs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = rows("1,10.5%", "2,50.5 %", "3,93%", header="samples,acc")
    assert column(one(written(tmp_path, text)), "acc") == [10.5, 50.5, 93.0]
    assert "'acc' is written with percent signs: 93% is read as 93" in caplog.text


def test_percent_signs_beside_numbers_without_are_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = rows("1,10.5%", "2,0.505", "3,93%", header="samples,acc")
    assert column(one(written(tmp_path, text)), "acc") == [None, 0.505, None]
    assert "'acc' is written with and without percent signs: what has one is not read" in caplog.text


def test_what_numbers_look_like_far_below_tells_of_those_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 64)
    text = rows(*(f"{n};{n},000;1" for n in range(1, 100)), "100;0,5;1")
    assert column(one(written(tmp_path, text)), "acc") == [*map(float, range(1, 100)), 0.5]


@pytest.mark.parametrize("text", ["2024-01-01 12:00:00", "0:32:48", "run 1 000 b", "1,2,3", "v1.2.3", "1e5%x", "%"])
def test_text_stays_text(tmp_path: Path, text: str) -> None:
    table = rows(f'1,"{text}",0.5', '2,"0,5",0.25', header="samples,note,loss")
    history = one(written(tmp_path, table))
    assert column(history, "note") == [None, 0.5]
    assert column(history, "loss") == [0.5, 0.25]


# TensorBoard's download, and UTF-16.

DOWNLOAD = "Wall time,Step,Value\n" + "".join(f"{1.7e9 + 60 * n},{1000 * n},{n}\n" for n in range(1, 11))


@pytest.mark.parametrize(
    ("name", "metric"),
    [("reward.csv", "reward"), ("run-seed_1-tag-reward.csv", "reward"), ("run_.-tag-a_reward.csv", "a_reward")],
)
def test_tensorboards_download_is_called_as_its_file(tmp_path: Path, name: str, metric: str) -> None:
    path = written(tmp_path, DOWNLOAD, name)
    assert one(path).metrics == (metric,)
    for asked in (metric, "Value"):
        result = reached(path, f"{asked} >= 5")
        assert (*at(result), result.samples_unit, result.bound) == (5000, 4.0, "steps", "lower")


@pytest.mark.parametrize(("encoding", "mark"), [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")])
@pytest.mark.parametrize("block", [2**20, 11])
def test_text_of_two_bytes_a_character(
    tmp_path: Path, encoding: str, mark: bytes, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", block)
    text = "samples\tVerlust ü 😀\telapsed_seconds\r\n" + "".join(f"{n}\t0,{9 - n}\t{60 * n}\r\n" for n in range(1, 9))
    history = one(written(tmp_path, mark + text.encode(encoding), "log.csv"))
    assert column(history, "Verlust ü 😀") == [(9 - n) / 10 for n in range(1, 9)]
    assert column(history, "samples") == list(range(1, 9))
