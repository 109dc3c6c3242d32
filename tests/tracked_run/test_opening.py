from pathlib import Path

import pytest

from milepost.config import get_default_arena_thresholds
from milepost.errors import ConfigError
from milepost.tracked_run.opening import track
from tests.helpers import threshold


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sinks: [wandbb]", "nearest: 'wandb'"),
        ("prices: {sources: [awss]}", "prices.sources: found 'awss'"),
        ("prices: {table: nowhere.csv}", "nowhere.csv: expected a readable CSV file"),
    ],
)
def test_configuration_found_by_name_gives_way_whole(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "configs" / "performance_thresholds"
    folder.mkdir(parents=True)
    (folder / "arena.yaml").write_text(f"thresholds: [{{name: t, metric: m, target_value: 1}}]\n{text}\n")
    monkeypatch.chdir(tmp_path)
    with track("arena") as run:
        assert run.thresholds == tuple(get_default_arena_thresholds())
    assert said in caplog.text
    with pytest.raises(ConfigError, match=r"^arena: ") as caught:
        track("arena", strict=True)
    assert said in str(caught.value)
    with pytest.raises(ConfigError, match=r"arena\.yaml: "):
        track(folder / "arena.yaml")


def test_configuration_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"config: found \{\}"):
        track({})  # type: ignore[arg-type]


def test_second_run_of_a_process_is_not_billed_from_its_start() -> None:
    starts = []
    for _ in range(2):
        with track(thresholds=[threshold()], price_per_hour=1.0, sinks=[]) as run:
            segment = run.ledger.segments[0]
            starts.append(segment.marks[0].wall_time - segment.billed_from)
    assert starts[1] == 0.0
