import msgspec
import pytest

from milepost.tracking.keys import Figure, figures
from tests.helpers import FakeClock, threshold
from tests.tracking.helpers import tracker_at


def test_wandb_metrics_hold_what_is_known_and_no_more() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock, threshold(), threshold(9.0, name="far"))
    clock.advance(60)
    tracker.update({"m": 3.0}, 100)
    prefix = "performance_threshold/"
    found = tracker.get_wandb_metrics()
    how = {"samples_unit": "samples", "rewinds": 0, "late_observations": 0, "restarts": 0}
    named = {f"{prefix}{name}/{key}": value for name in ("t", "far") for key, value in how.items()}
    assert {key: found[key] for key in named} == named
    when = {f"{prefix}{name}/{key}" for name in ("t", "far") for key in ("start_known", "bound")}
    assert {key: value for key, value in found.items() if key not in when | named.keys()} == {
        f"{prefix}t/achieved": True,
        f"{prefix}t/target_value": 2.0,
        f"{prefix}t/already_met": True,
        f"{prefix}t/final_smoothed_value": 3.0,
        f"{prefix}t/samples_to_threshold": 100,
        f"{prefix}t/minutes_to_threshold": 1.0,
        f"{prefix}t/cost_to_threshold": pytest.approx(0.06),
        f"{prefix}far/achieved": False,
        f"{prefix}far/target_value": 9.0,
        f"{prefix}far/already_met": False,
        f"{prefix}far/final_smoothed_value": 3.0,
        f"{prefix}cost_so_far": pytest.approx(0.06),
        f"{prefix}usd_per_hour": 3.6,
        f"{prefix}price_source": "user",
        f"{prefix}price_assumed": False,
    }


def test_figures_are_those_by_no_system_s_names() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock, threshold(name="a.b_c-d"))
    tracker.update({"m": 3.0}, 100)
    figures = tracker.get_figures()
    assert Figure("a.b_c-d", "samples_to_threshold", 100) in figures
    assert Figure(None, "usd_per_hour", 3.6) in figures
    assert {(figure.threshold, figure.name) for figure in figures if figure.key in ("achieved", "price_source")} == {
        ("a.b_c-d", "performance_threshold/a.b_c-d/achieved"),
        (None, "performance_threshold/price_source"),
    }


@pytest.mark.parametrize("unit", ["steps", "epochs", "updates"])
def test_what_is_counted_in_another_unit_is_not_called_samples(unit: str) -> None:
    clock = FakeClock()
    tracker = tracker_at(clock)
    clock.advance(60)
    tracker.update({"m": 3.0}, 100)
    (result,) = tracker.get_results().values()
    changed = msgspec.structs.replace(result, samples_unit=unit, start_known=False, bound="lower", rewinds=2)
    found = {figure.key: figure.value for figure in figures({"t": changed}, None, None, 0.0)}
    assert found[f"{unit}_to_threshold"] == 100
    assert "samples_to_threshold" not in found
    assert {key: found[key] for key in ("samples_unit", "start_known", "bound", "rewinds", "restarts")} == {
        "samples_unit": unit,
        "start_known": False,
        "bound": "lower",
        "rewinds": 2,
        "restarts": 0,
    }
