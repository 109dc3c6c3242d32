"""A threshold that is added changes nothing of what is said of another, along whichever axis its metric is counted."""

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from milepost.replaying.replay import replay
from milepost.tracking.result import ThresholdResult
from tests.positions.tables import TABLES
from tests.positions.trackers import TRACKERS, event_file
from tests.positions.training import BEGAN, SCENARIOS

pytestmark = pytest.mark.filterwarnings("ignore")


def told_together(where: Path | str, thresholds: list[str]) -> None:
    """Ask for each alone, for each two, and for all; what each says is to be the same, but for what else was read."""
    alone = {each: said(replay(where, thresholds=[each], price_per_hour=6.0))[0] for each in thresholds}
    for chosen in [*combinations(thresholds, 2), tuple(thresholds)]:
        together = replay(where, thresholds=chosen, price_per_hour=6.0)
        assert said(together) == [alone[each] for each in chosen]


def said(results: Iterable[ThresholdResult]) -> list[ThresholdResult]:
    """Return results without how many late observations were read: of rows without a watched metric, not all are."""
    return [msgspec.structs.replace(result, late_observations=None) for result in results]


@pytest.mark.parametrize("format", ["csv", "jsonl", "jsonl_wall", "parquet", "mlperf", "events", "mlflow"])
def test_late_evaluations(format: str, tmp_path: Path) -> None:
    written = (TABLES | TRACKERS)[format]
    names = written.metrics
    thresholds = [f"{names['reward']} >= 10", f"{names['reward']} >= 30", f"{names['eval']} >= 30"]
    told_together(written.write(tmp_path, SCENARIOS["late_evaluation"]), thresholds)


Axes = dict[str, tuple[int, float]]
"""Of each metric the distance of its steps, and how many seconds lie between them."""


LATE: Axes = {"a": (1, 1.0), "b": (1, 1.0), "c": (1, 60.0)}
"""``c`` tells of the same steps as ``a``, a minute apart where ``a`` has them a second apart."""


@st.composite
def axes(draw: st.DrawFn) -> Axes:
    """Axes whose metrics are logged side by side."""
    seconds = draw(st.sampled_from([1.0, 60.0, 90.0]))
    return {name: (draw(st.sampled_from([1, 7, 100, 640])), seconds) for name in ("a", "b", "c")}


ROWS = 12
ASKED = ["a >= 5", "b >= 5", "c >= 9"]


def points(drawn: Axes) -> list[tuple[str, int, float, float]]:
    """Return name, step, Unix seconds and value of each point, in the order of time."""
    found = [
        (name, row * step, BEGAN + row * seconds, float(row))
        for name, (step, seconds) in drawn.items()
        for row in range(1, ROWS + 1)
    ]
    return sorted(found, key=lambda point: point[2])


@settings(max_examples=25)
@given(drawn=axes())
def test_event_files(drawn: Axes, tmp_path_factory: pytest.TempPathFactory) -> None:
    told_together(event_files(tmp_path_factory.mktemp("events"), drawn), ASKED)


def test_event_files_with_a_dense_late_tag(tmp_path: Path) -> None:
    told_together(event_files(tmp_path, LATE), ASKED)


def event_files(folder: Path, drawn: Axes) -> Path:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    def write(writer: object) -> None:
        for name, step, at, value in points(drawn):
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            writer.add_event(Event(wall_time=at, step=step, summary=summary))  # type: ignore[attr-defined]

    event_file(folder, BEGAN, write)
    return folder


@settings(max_examples=6)
@given(drawn=axes())
def test_mlflow(drawn: Axes, tmp_path_factory: pytest.TempPathFactory) -> None:
    told_together(mlflow_run(tmp_path_factory.mktemp("mlflow"), drawn), ASKED)


def test_mlflow_with_a_dense_late_key(tmp_path: Path) -> None:
    told_together(mlflow_run(tmp_path, LATE), ASKED)


def mlflow_run(folder: Path, drawn: Axes) -> str:
    import mlflow

    uri = f"sqlite:///{folder.parent / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.create_run(client.create_experiment(folder.name, "unused"), start_time=int(BEGAN * 1000)).info.run_id
    entity = mlflow.entities.Metric
    client.log_batch(run, [entity(name, value, int(at * 1000), step) for name, step, at, value in points(drawn)])
    client.set_terminated(run)
    return f"{uri}#{folder.name}"
