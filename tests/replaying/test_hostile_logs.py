"""Logs that say what none should: each is reported or read, and none stops the rest."""

import json
import os
from pathlib import Path

import pytest

polars = pytest.importorskip("polars")
pytest.importorskip("sqlalchemy")

from milepost.replaying.replay import replay  # noqa: E402
from milepost.report.exports import as_json  # noqa: E402
from milepost.store.store import Store  # noqa: E402

LOGS = {
    "halves.jsonl": b'{"samples":1,"m":1,"group":"\\ud800"}\n{"samples":2,"m":9,"\\ud801":1,"group":"\\ud800"}\n',
    "seed.csv": b"samples,elapsed_seconds,m,seed\n1,1,1,1" + b"0" * 30 + b"\n2,2,9,1" + b"0" * 30 + b"\n",
    "infinite.csv": b"samples,elapsed_seconds,m\n1,1,1\n2,inf,9\n3,3,9\n",
    "undated.monitor.csv": b'#{"t_start": NaN}\nr,l,t\n1,5,1\n',
    "later.monitor.csv": b'#{"t_start": 1e300}\nr,l,t\n1,5,1\n',
    "field.monitor.csv": b'#{"t_start": 1.0}\nr,l,t\n1,5,1\n"' + b"x" * 200_000 + b'",5,2\n',
    "long.monitor.csv": b'#{"t_start": 1.0}\nm,r,l,t\n9,1,1e300,1\n9,1,5,2\n',
    "state/trainer_state.json": json.dumps(
        {
            "global_step": 1,
            "log_history": [{"step": 1, "m": 9, "num_input_tokens_seen": 5}, {"train_runtime": 10**400}],
        }
    ).encode(),
    "result_0.txt": b"\x1f\x8bno gzip",
    "trackio.db": b"SQLite format 3\0" + b"\xa0" * 4080,
}
READ = {"halves", "seed", "infinite", "long.monitor", "state/trainer_state"}


def test_one_hostile_log_after_the_other(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for name, text in LOGS.items():
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).write_bytes(text)
    store = tmp_path / "store.db"
    results = replay(logs, thresholds=["m >= 3"], price_per_hour=1.0, save=True, store=store)
    assert {result.run for result in results} == READ
    assert all(result.achieved for result in results)
    assert {run.id for run in Store(store).runs()} == READ
    assert len({json.loads(as_json(result))["run"] for result in results}) == len(READ)
    reasons = " ".join(skipped.reason for skipped in results.skipped)
    assert reasons.count("expected one before the year 10000") == 2
    assert "field larger than field limit" in reasons


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
def test_names_of_files_that_are_no_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    with open(folder + b"/\xff.csv", "wb") as file:
        file.write(b"samples,elapsed_seconds,m\n1,1,1\n2,2,9\n")
    polars.DataFrame({"samples": [1], "m": [9.0]}).write_parquet(tmp_path / "b.parquet")
    os.rename(folder + b"/b.parquet", folder + b"/\xfe.parquet")
    results = replay(tmp_path, thresholds=["m >= 3"])
    assert [result.run for result in results] == [r"\udcff"]
    assert as_json(results[0])
    (skipped,) = results.skipped
    assert "no UTF-8" in skipped.reason
