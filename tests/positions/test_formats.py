"""One training in every format: samples, minutes and dollars are right, or null with a reason."""

from pathlib import Path

import pytest

from milepost.replaying.replay import replay
from tests.positions.agreeing import expected, told
from tests.positions.oracle import right
from tests.positions.tables import TABLES
from tests.positions.trackers import TRACKERS
from tests.positions.training import GAPS, SCENARIOS

pytestmark = pytest.mark.filterwarnings("ignore")

FORMATS = TABLES | TRACKERS
CASES = [(format, scenario) for format, written in FORMATS.items() for scenario in written.scenarios(iter(SCENARIOS))]


@pytest.mark.parametrize(("format", "scenario"), CASES)
def test_every_reader_tells_what_is_right(format: str, scenario: str, tmp_path: Path) -> None:
    written, training = FORMATS[format], SCENARIOS[scenario]
    where = written.write(tmp_path, training)
    gap = GAPS.get(scenario)
    logged = {name for row in training.rows for name in row.values}
    for name in sorted(logged - {"loss"}):
        metric = written.metrics[name]
        thresholds = {f"{name} {target}": f"{metric} >= {target}" for target in (10, 30)}
        results = replay(
            where, thresholds=list(thresholds.values()), price_per_hour=6.0, gap=f"{gap:g}s" if gap else None
        )
        for target, result in zip((10, 30), results, strict=True):
            answer = right(training, written.tells, name, target, gap or float("inf"))
            assert told(result) == expected(answer, written.tells)
