"""What is said of metrics that nobody logs."""

import difflib
import threading
from typing import Any

import pytest

from tests.helpers import FakeClock, threshold
from tests.tracked_run.helpers import tracked

NAMES = {f"layer{number}/weight/norm": 1.0 for number in range(5000)} | {"rollout/reward": 1.0}


def test_names_that_are_near_are_looked_for_beside_training_and_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    let_go, looked_for, plain = threading.Event(), list[str](), difflib.get_close_matches

    def slow(wanted: str, *rest: Any, **options: Any) -> list[str]:
        assert let_go.wait(60)
        looked_for.append(wanted)
        return plain(wanted, *rest, **options)

    monkeypatch.setattr(difflib, "get_close_matches", slow)
    clock = FakeClock()
    run = tracked(clock=clock, thresholds=(threshold(metric="rollout/rewrd"), threshold(name="u", metric="nothing")))
    for samples in range(1, 5):
        clock.advance(20.0)
        run.update(NAMES, samples)  # returns, though nothing has been found as yet
    assert looked_for == []
    let_go.set()
    run.close()
    assert looked_for == ["rollout/rewrd", "nothing"]
    assert [each.message for each in caplog.records if "never observed" in each.message] == [
        "metric 'rollout/rewrd' was never observed; nearest: rollout/reward",
        "metric 'nothing' was never observed",
    ]


def test_metric_that_comes_late_is_not_missed(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    run = tracked(clock=clock, thresholds=(threshold(metric="late"),))
    run.update({"loss": 1.0}, 1)
    clock.advance(20.0)
    run.update({"loss": 1.0, "late": 1.0}, 2)
    run.close()
    assert "never observed" not in caplog.text
