"""Pictures: functions from what is known of runs to Altair charts, and the table that says the same.

A picture knows neither page nor theme: `page` puts pictures into one HTML file, `figures` draws single ones. Its charts
name their data sets instead of holding them, so that a page which lives can put others in their place.

`picture` is what they have in common, `data` and `axes` are what their charts are made of, `labelled_rows`, `targets`
and `notes` what several of them show, `themes` how they look. Then a file a picture.
"""

from collections.abc import Callable, Sequence

from milepost.report.pictures.cost_performance import cost_performance
from milepost.report.pictures.curves import curves
from milepost.report.pictures.efficiency import efficiency
from milepost.report.pictures.ledger import ledger
from milepost.report.pictures.money import money
from milepost.report.pictures.picture import Picture
from milepost.report.pictures.timeline import timeline
from milepost.report.pictures.utilisation import utilisation
from milepost.runs.record import RunRecord

PICTURES: dict[str, Callable[[Sequence[RunRecord]], Picture]] = {
    "timeline": timeline,
    "cost_performance": cost_performance,
    "efficiency": efficiency,
    "utilisation": utilisation,
    "money": money,
}
"""Pictures of any number of runs, by name, in the order of a page."""

OF_ONE_RUN: dict[str, Callable[[RunRecord], Picture]] = {"curves": curves, "ledger": ledger}
"""Pictures of one run."""
