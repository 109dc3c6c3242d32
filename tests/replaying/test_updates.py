"""What rows tell, as updates."""

import json
from pathlib import Path

import pytest

polars = pytest.importorskip("polars")

from milepost.replaying.replay import replay  # noqa: E402


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(("target", "minutes", "bound"), [(2, 4.0, "upper"), (4, 4.0, None), (20, 20.0, None)])
def test_rows_before_the_first_elapsed_time_had_come_so_far_at_most(
    tmp_path: Path, suffix: str, target: int, minutes: float, bound: str | None
) -> None:
    path = tmp_path / f"log.{suffix}"
    rows = [{"samples": at, "reward": float(at), "elapsed": 60.0 * at if at > 3 else None} for at in range(1, 31)]
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        table = polars.DataFrame(rows, infer_schema_length=None)
        table.write_csv(path) if suffix == "csv" else table.write_parquet(path)
    (result,) = replay(path, thresholds=[f"reward >= {target}"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold, result.bound) == (target, minutes, bound)
