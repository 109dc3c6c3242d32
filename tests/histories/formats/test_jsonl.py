import json
import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from milepost.errors import HistoryError
from milepost.histories.decoding import files
from milepost.histories.history import Wanted
from milepost.histories.tables import table
from tests.histories.helpers import column, one, read


def _write(tmp_path: Path, text: str | bytes, name: str = "log.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_objects_within_objects_are_columns(tmp_path: Path) -> None:
    file = _write(
        tmp_path,
        '{"samples": 1, "eval": {"acc": 0.5, "top": {"k": 5}}, "tags": [1, 2], "note": "x"}\n'
        '{"samples": 2, "eval": {"acc": true}}\n',
    )
    history = one(file)
    assert column(history, "eval.acc") == [0.5, 1.0]
    assert column(history, "eval.top.k") == [5.0, None]
    assert column(history, "samples") == [1, 2]
    assert history.metrics is None


def test_numbers_that_json_has_no_words_for(tmp_path: Path) -> None:
    file = _write(tmp_path, '{"samples": 1, "a": NaN}\n{"samples": 2, "a": -Infinity}\n{"samples": 3, "a": "inf"}\n')
    values = column(one(file), "a")
    assert math.isnan(values[0])
    assert values[1:] == [-math.inf, math.inf]


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_are_read_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, floats: list[float]) -> None:
    file = tmp_path_factory.mktemp("log") / "log.jsonl"
    file.write_text("".join(json.dumps({"samples": 1, "a": value}) + "\n" for value in floats))
    assert [value.hex() for value in column(one(file), "a")] == [value.hex() for value in floats]


def test_lines_that_are_broken_or_cut_short_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = _write(tmp_path, b'\xef\xbb\xbf{"samples": 1}\r\nnonsense\n\n[1]\n\0\0\n{"samples": 2}\n{"samples": 3')
    assert column(one(file), "samples") == [1, 2]
    assert "3 lines are no whole JSON objects" in caplog.text


def test_a_wanted_metric_that_comes_late_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 200)
    lines = [{"samples": i, "loss": 0.5} for i in range(50)] + [{"samples": 50, "acc": 0.75}]
    file = _write(tmp_path, "".join(json.dumps(line) + "\n" for line in lines))
    history = one(file, wanted=Wanted(metrics=frozenset({"acc"})))
    assert column(history, "acc") == [None] * 50 + [0.75]
    assert column(history, "samples") == list(range(51))


def test_lines_that_all_have_other_keys_are_read_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MAX_CELLS", 1000)
    file = _write(tmp_path, "".join(json.dumps({"samples": i, f"key{i}": i}) + "\n" for i in range(200)))
    sizes = [rows.metrics.height * rows.metrics.width for rows in one(file).rows()]
    assert max(sizes) <= 1000
    histories = read(
        _write(
            tmp_path, "".join(json.dumps({"samples": i, "run": "ab"[i % 2], f"k{i}": i}) + "\n" for i in range(200))
        ),
        wanted=Wanted(run_column="run"),
    )
    assert [column(history, "samples") for history in histories] == [list(range(0, 200, 2)), list(range(1, 200, 2))]


def test_nesting_without_end_and_large_numbers_do_no_harm(tmp_path: Path) -> None:
    file = _write(
        tmp_path,
        '{"samples": 1, "a": 1e999, "b": 1}\n'
        + '{"a":' * 100_000
        + "1"
        + "}" * 100_000
        + "\n"
        + '{"samples": 2, "b": '
        + "9" * 400
        + "}\n",
    )
    assert column(one(file), "samples") == [1, 2]
    assert column(one(file), "b") == [1.0, math.inf]


def test_a_file_without_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="found no line with a JSON object"):
        one(_write(tmp_path, "1\n2\n"), format="jsonl")


def test_steps_are_counted_where_nothing_counts_samples(tmp_path: Path) -> None:
    history = one(_write(tmp_path, '{"step": 1}\n{"step": 2}\n'))
    assert (history.samples_unit, history.samples_source, column(history, "samples")) == ("steps", "step", [1, 2])
    assert "--samples-column" in (history.uncounted_because or "")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    file = tmp_path_factory.mktemp("junk") / "log.jsonl"
    file.write_bytes(b'{"samples": 1, "a": 1}\n' + junk)
    with suppress(HistoryError):
        column(one(file), "a")


def test_a_metric_without_a_name_stays_without_one(tmp_path: Path) -> None:
    file = _write(tmp_path, '{"samples": 1, "loss": 2, "": 3}\n{"samples": 2, "": 4}\n')
    assert [rows.metrics.columns for rows in one(file).rows()] == [["loss", ""]]
    assert column(one(file), "") == [3.0, 4.0]
