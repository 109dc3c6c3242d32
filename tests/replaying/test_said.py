"""What is said while logs are replayed."""

from pathlib import Path

import pytest

pytest.importorskip("polars")

from milepost.replaying.replay import replay


def test_what_is_said_of_a_run_names_it_and_is_not_said_of_each_of_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """12 runs, each with an evaluation that came late."""
    for run in range(12):
        rows = "".join(f"{100 * at},,{1_700_000_000 + 60 * at}\n" for at in range(1, 9))
        late = f"300,1,{1_700_000_000 + 500}\n"
        (tmp_path / f"r{run:02}.csv").write_text("samples,eval,timestamp\n" + rows + late)
    results = replay(tmp_path, thresholds=["eval >= 1"])
    assert [result.late_observations for result in results] == [1] * 12
    said = [record.getMessage() for record in caplog.records if "late observation" in record.getMessage()]
    assert len(said) == 10
    assert said[0].startswith("r00: an update at 300 came when training had come to 800")
    assert said[-1].endswith("(so of further runs: no more is said)")
