import gzip
import logging
import math
from contextlib import suppress
from pathlib import Path

import polars
import pytest
from hypothesis import given, strategies as st

from milepost.errors import HistoryError
from milepost.histories.decoding import files
from milepost.histories.decoding.csv_headers import whole_rows
from milepost.histories.formats import delimited
from milepost.histories.history import Wanted
from milepost.histories.tables.values import numbers
from milepost.replaying.replay import replay
from tests.histories.helpers import column, one, read


def _write(tmp_path: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(st.lists(st.floats(allow_nan=True), min_size=1))
def test_numbers_are_read_to_the_last_bit(floats: list[float]) -> None:
    for write in (repr, "{:.17g}".format, "{:.20e}".format, str):
        text = [write(value) for value in floats]
        found, unread = numbers(polars.Series(text))
        assert unread == 0
        assert [value.hex() for value in found] == [float(each).hex() for each in text]


@given(st.from_regex(r"\A[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?\Z"))
def test_decimals_of_any_length_are_read_as_python_reads_them(text: str) -> None:
    found, _ = numbers(polars.Series([text]))
    assert found[0] == float(text)


def test_sparse_rows_take_over_the_samples_and_the_time_told_last(tmp_path: Path) -> None:
    # As Lightning's CSVLogger writes a validation's metrics (loggers/csv_logs.py): a row of their own.
    file = _write(
        tmp_path, "epoch,train_loss,samples,elapsed,val_acc\n0,0.9,64,1.5,\n0,,,,0.25\n1,0.7,128,3.0,\n1,,,,0.5\n"
    )
    history = one(file)
    assert column(history, "val_acc") == [None, 0.25, None, 0.5]
    assert column(history, "train_loss") == [0.9, None, 0.7, None]
    assert column(history, "samples") == [64, 64, 128, 128]
    assert column(history, "elapsed_seconds") == [1.5, 1.5, 3.0, 3.0]
    assert history.metrics == ("epoch", "train_loss", "val_acc")


def test_rows_before_the_first_count_have_none(tmp_path: Path) -> None:
    assert column(one(_write(tmp_path, "samples,loss\n,1.0\n10,0.5\n")), "samples") == [None, 10]


@pytest.mark.parametrize("text", ["NA", "", "N/A", "None", "null"])
def test_words_for_nothing_are_not_logged(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    # Keras' CSVLogger writes NA (callbacks/csv_logger.py).
    history = one(_write(tmp_path, f"samples,acc\n1,{text}\n2,0.5\n"))
    assert column(history, "acc") == [None, 0.5]
    assert not caplog.records


def test_nan_and_infinities_are_values(tmp_path: Path) -> None:
    values = column(one(_write(tmp_path, "samples,loss\n1,nan\n2,inf\n3,-Infinity\n4,NaN\n")), "loss")
    assert math.isnan(values[0])
    assert values[1:3] == [math.inf, -math.inf]
    assert math.isnan(values[3])


def test_text_among_numbers_is_not_logged_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    history = one(_write(tmp_path, "samples,loss,phase\n1,0.5,train\n2,broken,test\n3,oops,train\n"))
    assert column(history, "loss") == [0.5, None, None]
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "2 values of 'loss' are no numbers; taken as not logged"
    ]


def test_bom_line_ends_quotes_and_blank_lines(tmp_path: Path) -> None:
    file = _write(tmp_path, b'\xef\xbb\xbf"samples","loss, ""train"""\r\n1,0.5\r\n\r\n"2","0.25"\r\n')
    history = one(file)
    assert column(history, 'loss, "train"') == [0.5, None, 0.25]
    assert column(history, "samples") == [1, 1, 2]


@pytest.mark.parametrize(("name", "delimiter"), [("log.tsv", "\t"), ("log.csv", ";"), ("log.txt", "\t")])
def test_other_delimiters(tmp_path: Path, name: str, delimiter: str) -> None:
    file = _write(tmp_path, f"samples{delimiter}loss\n1{delimiter}0.5\n", name)
    assert column(one(file), "loss") == [0.5]


def test_line_ends_within_quotes_end_no_row_wherever_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _write(tmp_path, "samples,note,loss\n" + "".join(f'{i},"a\nb",{i / 8}\n' for i in range(100)))
    whole = column(one(file), "loss")
    assert whole == [i / 8 for i in range(100)]
    for size in (1, 7, 64):
        monkeypatch.setattr(files, "BLOCK_BYTES", size)
        assert column(one(file), "loss") == whole


def test_packed_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    packed = gzip.compress(b"samples,loss\n" + b"".join(b"%d,0.5\n" % i for i in range(5000)))
    history = one(_write(tmp_path, packed, "log.csv.gz"))
    assert history.run == "log"
    assert len(column(history, "loss")) == 5000
    cut = one(_write(tmp_path, packed[: len(packed) // 2], "cut.csv.gz"))
    assert 0 < len(column(cut, "loss")) < 5000
    assert any("cut short" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("end", ["3", "3,", '3,"0.1', "3,0.", "3,1e", "3,-"])
def test_a_last_row_that_was_not_finished_is_left_out(
    tmp_path: Path, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    history = one(_write(tmp_path, f"samples,loss\n1,0.5\n2,0.25\n{end}"))
    assert column(history, "loss") == [0.5, 0.25]
    assert ["cut short" in record.getMessage() for record in caplog.records] == [True]


def test_a_last_row_without_a_line_end_is_read_where_it_has_all_fields(tmp_path: Path) -> None:
    assert column(one(_write(tmp_path, "samples,loss\n1,0.5\n2,0.25")), "loss") == [0.5, 0.25]


def test_rows_with_more_fields_than_the_header_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    history = one(_write(tmp_path, "samples,loss\n1,0.5\n2,0,25\n3,0.125\n"))
    assert column(history, "loss") == [0.5, None, 0.125]
    assert "1 rows have more fields than the header's 2" in caplog.text


@pytest.mark.parametrize("text", ["", "\n\n", "\xef\xbb\xbf"])
def test_nothing_in_a_file_is_refused(tmp_path: Path, text: str) -> None:
    file = _write(tmp_path, text.encode("latin-1"))
    with pytest.raises(HistoryError):
        one(file, format="csv")


def test_a_header_alone_is_a_run_without_rows(tmp_path: Path) -> None:
    history = one(_write(tmp_path, "samples,loss\n"))
    assert column(history, "loss") == []
    assert history.metrics == ("loss",)


def test_one_column(tmp_path: Path) -> None:
    history = one(_write(tmp_path, "samples\n1\n2\n"))
    assert column(history, "samples") == [1, 2]


def test_bytes_that_are_no_text_spoil_only_their_field(tmp_path: Path) -> None:
    assert column(one(_write(tmp_path, b"samples,loss,note\n1,0.5,\xff\xfe\n2,0.25,x\n")), "loss") == [0.5, 0.25]


def test_a_header_of_a_million_columns_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, ",".join(f"c{i}" for i in range(10**6)) + "\n1,2\n")
    with pytest.raises(HistoryError, match="found 1000000 columns, expected 50000 at most"):
        one(file)


def test_a_line_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_RECORD_BYTES", 1000)
    monkeypatch.setattr(files, "BLOCK_BYTES", 100)
    bomb = gzip.compress(b"samples,loss\n1,0.5\n" + b"9" * 10**6)
    with pytest.raises(HistoryError, match="found a record of more than 1000 bytes at byte"):
        column(one(_write(tmp_path, bomb, "log.csv.gz")), "loss")


def test_steps_are_no_samples_unless_a_flag_says_so(tmp_path: Path) -> None:
    file = _write(tmp_path, "epoch,step,global_step,loss\n0,1,1,0.5\n")
    history = one(file)
    assert (history.samples_unit, history.samples_source, column(history, "samples")) == ("steps", "step", [1])
    assert "say which does with --samples-column" in (history.uncounted_because or "")
    told = one(file, wanted=Wanted(samples_column="global_step"))
    assert (told.samples_unit, told.samples_source, told.uncounted_because) == ("samples", "global_step", None)


@pytest.mark.parametrize(
    "wanted", [Wanted(samples_column="sample"), Wanted(time_column="sample"), Wanted(run_column="sample")]
)
def test_a_flag_that_names_no_column_names_the_nearest(tmp_path: Path, wanted: Wanted) -> None:
    file = _write(tmp_path, "samples,loss,elapsed,run\n1,0.5,1,a\n")
    with pytest.raises(HistoryError, match=r"--\w+-column names 'sample', found .*; nearest: 'samples'"):
        one(file, wanted=wanted)


@pytest.mark.parametrize("bad", ["-1", "1.5", "inf", "1e300"])
def test_samples_that_count_nothing_are_refused_after_the_rows_before(tmp_path: Path, bad: str) -> None:
    history = one(_write(tmp_path, f"samples,loss\n1,0.5\n2,0.25\n{bad},0.1\n4,0.05\n"))
    rows = history.rows()
    assert next(rows).metrics["loss"].to_list() == [0.5, 0.25]
    with pytest.raises(HistoryError, match=rf"found '{bad}' in row 3 of 'samples'.*--samples-column"):
        next(rows)


def test_samples_may_be_written_as_floats_and_be_large(tmp_path: Path) -> None:
    history = one(_write(tmp_path, "samples\n1.0\n2e6\n9007199254740993\nnan\n"))
    assert column(history, "samples") == [1, 2_000_000, 9007199254740993, 9007199254740993]


@pytest.mark.parametrize(
    ("name", "unit", "seconds"),
    [("elapsed", None, 90.0), ("hours", None, 324000.0), ("elapsed_minutes", None, 5400.0), ("hours", "min", 5400.0)],
)
def test_time_has_the_unit_that_flag_or_name_says(tmp_path: Path, name: str, unit: None, seconds: float) -> None:
    history = one(_write(tmp_path, f"samples,{name}\n1,90\n"), wanted=Wanted(time_unit=unit))
    assert column(history, "elapsed_seconds") == [seconds]
    assert history.untimed_because is None


@pytest.mark.parametrize(
    "text",
    ["1700000000.5", "1700000000500", "1700000000500000", "2023-11-14T22:13:20.5Z", "2023-11-14 23:13:20.500+01:00"],
)
def test_wall_times_in_any_unit_and_iso_8601(tmp_path: Path, text: str) -> None:
    for name, wanted in (("timestamp", Wanted()), ("when", Wanted(time_column="when"))):
        history = one(_write(tmp_path, f"samples,{name}\n1,{text}\n"), wanted=wanted)
        assert column(history, "wall_time") == [1700000000.5]


def test_dates_without_a_zone_are_utc_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    history = one(_write(tmp_path, "samples,timestamp\n1,2023-11-14T22:13:20\n2,2023-11-14T22:13:21\n"))
    assert column(history, "wall_time") == [1700000000.0, 1700000001.0]
    assert caplog.text.count("say no zone; taken for UTC") == 1


def test_a_column_that_stands_twice_is_refused_where_it_is_needed(tmp_path: Path) -> None:
    file = _write(tmp_path, "samples,loss,loss,acc\n1,0.5,0.6,0.7\n")
    assert column(one(file, wanted=Wanted(metrics=frozenset({"acc"}))), "acc") == [0.7]
    with pytest.raises(HistoryError, match="found several columns called 'loss'"):
        one(file, wanted=Wanted(metrics=frozenset({"loss"})))


def test_a_metric_that_is_nowhere_is_no_error(tmp_path: Path) -> None:
    history = one(_write(tmp_path, "samples,loss\n1,0.5\n"), wanted=Wanted(metrics=frozenset({"nowhere"})))
    (rows,) = history.rows()
    assert rows.metrics.width == 0
    assert rows.samples is not None
    assert rows.samples.to_list() == [1]


def test_runs_whose_rows_lie_scattered_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 64)
    text = "run,samples,loss\n" + "".join(f"{'ab'[i % 2]},{i // 2},{i}\n" for i in range(200))
    histories = read(_write(tmp_path, text), wanted=Wanted(run_column="run"))
    assert [history.run for history in histories] == ["a", "b"]
    assert column(histories[0], "loss") == [float(i) for i in range(0, 200, 2)]
    assert column(histories[1], "samples") == list(range(100))
    assert column(histories[1], "loss") == [float(i) for i in range(1, 200, 2)]


def test_rows_without_a_run_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = _write(tmp_path, "run,samples,seed,group\na,1,7,x\n,2,7,x\n")
    (history,) = read(file, wanted=Wanted(run_column="run"))
    assert column(history, "samples") == [1]
    assert (history.seed, history.group) == (7, "x")
    assert "1 rows have no value in the run column 'run'" in caplog.text


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    file = tmp_path_factory.mktemp("junk") / "log.csv"
    file.write_bytes(b"samples,loss\n1,0.5\n" + junk)
    logging.getLogger("milepost").setLevel(logging.CRITICAL)
    with suppress(HistoryError):
        column(one(file), "loss")


def test_whole_rows_end_where_no_quote_is_open() -> None:
    assert whole_rows(b'a,"b\nc') == 0
    assert whole_rows(b'a\n"b\nc') == 2
    assert whole_rows(b'a\n"b\nc"\nd') == 8


def test_several_runs_are_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("run,samples,loss\na,1,0.5\nb,2,0.25\n")
    with pytest.raises(HistoryError, match=r"found several runs in the column 'run'.*--run-column run"):
        list(delimited.DelimitedReader().histories([str(path)], "log", Wanted()))
    runs = delimited.DelimitedReader().histories([str(path)], "log", Wanted(run_column="run"))
    assert [history.run for history in runs] == ["a", "b"]


@pytest.mark.parametrize("position", ["1k,1000", '"1,00,0",1000', "samples,elapsed_seconds"])
def test_a_row_whose_count_is_text_does_not_take_over_that_of_the_last(
    tmp_path: Path, position: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = f"samples,elapsed_seconds,acc\n999,999,0.5\n{position},0.9\n,,0.75\n1001,1001,1\n"
    history = one(_write(tmp_path, rows))
    assert column(history, "acc") == [0.5, 0.75, 1.0]
    assert column(history, "samples") == [999, 999, 1001]
    assert column(history, "elapsed_seconds") == [999.0, 999.0, 1001.0]
    assert "1 rows tell no number of samples, such as row 2 with" in caplog.text


def test_a_row_whose_time_is_text_tells_none_and_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = "samples,elapsed_seconds,acc\n999,999,0.5\n1000,soon,0.9\n,,0.75\n1001,1001,1\n"
    history = one(_write(tmp_path, rows))
    assert column(history, "acc") == [0.5, 0.9, 0.75, 1.0]
    assert column(history, "samples") == [999, 1000, 1000, 1001]
    told = column(history, "elapsed_seconds")
    assert [None if each != each else each for each in told] == [999.0, None, 999.0, 1001.0]
    assert "1 values of 'elapsed_seconds' are no times; these rows tell none" in caplog.text


def test_times_in_a_form_of_their_own_are_none_and_leave_no_row_out(tmp_path: Path) -> None:
    history = one(_write(tmp_path, "samples,elapsed,timestamp,acc\n1,1,Monday noon,0.5\n2,2,Monday night,0.9\n"))
    assert column(history, "elapsed_seconds") == [1.0, 2.0]
    assert column(history, "wall_time") == [None, None]


def table_again(path: Path, resumed_at: int) -> Path:
    """Write a log of 40 rows a minute apart that another process went on with an hour and a half later."""
    header = ["samples", "reward", "timestamp"]
    rows = [[str(at), str(float(at)), str(1.7e9 + 60 * at)] for at in range(26)]
    later = [[str(at), str(float(at)), str(1.7e9 + 60 * (100 + at))] for at in range(resumed_at, 41)]
    separator = "\t" if path.suffix == ".tsv" else ","
    path.write_text("".join(separator.join(row) + "\n" for row in [header, *rows, header, *later, header]))
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize(("resumed_at", "minutes"), [(26, 34.0), (21, 35.0)])
def test_second_header_is_where_another_process_goes_on(
    tmp_path: Path, suffix: str, resumed_at: int, minutes: float, caplog: pytest.LogCaptureFixture
) -> None:
    (result,) = replay(table_again(tmp_path / f"log.{suffix}", resumed_at), thresholds=["reward >= 35"])
    assert (result.samples_to_threshold, result.minutes_to_threshold, result.bound) == (35, minutes, "lower")
    assert caplog.text.count("row 27 is a header again") == 1
    assert "not read" not in caplog.text


@pytest.mark.parametrize("block", [70, 97, 300, 2**20])
def test_second_header_may_stand_at_the_edge_of_a_chunk(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", block)
    (history,) = read(table_again(tmp_path / "log.csv", 26))
    at, boundaries = 0, []
    for rows in history.rows():
        boundaries += [at + each.row for each in rows.boundaries]
        at += 0 if rows.samples is None else len(rows.samples)
    assert (boundaries, at) == ([26], 41)
