import msgspec

from milepost.analysis.curves import unit_of_curve
from milepost.analysis.units import unit_of, units_of
from milepost.runs.record import Curve
from milepost.tracking.thresholds import Smoothing
from tests.analysis.records import run_of, with_results
from tests.helpers import threshold

(RESULT,) = run_of("a", [1.0]).results
STEPS = msgspec.structs.replace(RESULT, samples_unit="steps")
EPOCHS = msgspec.structs.replace(RESULT, samples_unit="epochs")
UNCOUNTED = msgspec.structs.replace(RESULT, samples_unit=None)
UNSEEN = msgspec.structs.replace(RESULT, status="never_observed")


def test_units_are_those_of_what_was_observed() -> None:
    assert units_of([STEPS, EPOCHS, STEPS, UNCOUNTED, UNSEEN]) == ["steps", "epochs"]
    assert units_of([UNSEEN]) == ["samples"]
    assert units_of([UNCOUNTED]) == units_of([]) == []


def test_run_has_one_unit_or_none() -> None:
    assert unit_of([]) == "samples"
    assert unit_of([STEPS, STEPS, UNSEEN]) == "steps"
    assert unit_of([STEPS, EPOCHS]) is None
    assert unit_of([UNCOUNTED]) is None


def test_curve_counts_as_the_results_of_its_metric_do() -> None:
    record = run_of("a", [1.0, 2.0], threshold(), threshold(1.0, "<=", name="loss", metric="loss"))
    of_m, of_loss = record.results
    seen = msgspec.structs.replace(of_loss, samples_unit="epochs", status="not_reached")
    both = msgspec.structs.replace(record, results=(of_m, seen))
    loss = Curve("loss", Smoothing(1.0), 1, ())
    assert [unit_of_curve(both, each) for each in (record.curves[0], loss)] == ["samples", "epochs"]
    assert unit_of_curve(with_results(record, samples_unit="steps"), Curve("other", Smoothing(1.0), 1, ())) == "steps"
