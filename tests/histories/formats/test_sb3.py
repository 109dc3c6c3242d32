import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest

from milepost.errors import HistoryError
from milepost.histories.decoding import npz
from milepost.histories.history import Wanted
from tests.histories.helpers import column, one, read

# What EvalCallback and Monitor of stable-baselines3 2.x write: common/callbacks.py, common/monitor.py.
STEPS = [10_000, 20_000, 30_000]
REWARDS = [[1.0, 2.0], [3.0, 4.5], [0.1, 0.2]]
LENGTHS = [[10, 20], [30, 40], [50, 61]]


def _evaluations(path: Path, **more: Any) -> Path:
    with path.open("wb") as file:
        numpy.savez(file, timesteps=STEPS, results=REWARDS, ep_lengths=LENGTHS, **more)
    return path


def test_evaluations_have_the_means_that_sb3_logs(tmp_path: Path) -> None:
    history = one(_evaluations(tmp_path / "evaluations.npz", successes=[[True, False], [True, True], [False, False]]))
    assert column(history, "eval/mean_reward") == [float(numpy.mean(rewards)) for rewards in REWARDS]
    assert column(history, "eval/mean_ep_length") == [15.0, 35.0, 55.5]
    assert column(history, "eval/success_rate") == [0.5, 1.0, 0.0]
    assert column(history, "samples") == STEPS
    assert history.metrics == ("eval/mean_reward", "eval/mean_ep_length", "eval/success_rate")
    assert "tells no time" in (history.untimed_because or "")
    assert history.run == "evaluations"


def test_only_the_wanted_metric_is_read(tmp_path: Path) -> None:
    wanted = Wanted(metrics=frozenset({"eval/mean_ep_length"}))
    (rows,) = one(_evaluations(tmp_path / "evaluations.npz"), wanted=wanted).rows()
    assert rows.metrics.columns == ["eval/mean_ep_length"]


class _Bomb:
    ran = False

    def __reduce__(self) -> Any:
        return setattr, (_Bomb, "ran", True)


def test_pickles_are_refused_and_not_run(tmp_path: Path) -> None:
    objects = numpy.empty(3, dtype=object)
    objects[:] = [_Bomb(), 1, 2]
    file = tmp_path / "evaluations.npz"
    with file.open("wb") as out:
        numpy.savez(out, allow_pickle=True, timesteps=STEPS, results=objects)
    with pytest.raises(HistoryError, match="results: holds Python objects, which only pickle can read"):
        one(file)
    file.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(HistoryError):
        one(file, format="sb3-evaluations")
    assert not _Bomb.ran


def _archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def _header(shape: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    numpy.lib.format.write_array_header_1_0(out, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return out.getvalue()


def test_a_shape_that_the_file_does_not_hold_is_refused(tmp_path: Path) -> None:
    file = _archive(tmp_path / "evaluations.npz", timesteps=_header((10**12,)) + b"\0" * 80)
    with pytest.raises(HistoryError, match=r"found a shape of \(1000000000000,\), and no more than \d+ bytes of it"):
        one(file)


def test_an_archive_that_unpacks_to_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "MAX_ARRAY_BYTES", 10**6)
    file = _archive(tmp_path / "evaluations.npz", timesteps=_header((10**6,)) + b"\0" * (8 * 10**6))
    assert file.stat().st_size < 20_000
    with pytest.raises(HistoryError, match=r"found arrays of \d+ bytes, expected 1000000 at most"):
        one(file)


@pytest.mark.parametrize("keep", [10, 200, -1, -50])
def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    file = _evaluations(tmp_path / "evaluations.npz")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(HistoryError, match=r"is no whole \.npz file"):
        one(file)


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "evaluations.npz"
    for arrays, message in (
        ({"timesteps": STEPS}, "found timesteps, expected the arrays timesteps and results"),
        ({"timesteps": STEPS, "results": [[1.0]]}, "expected 3 evaluations as in timesteps"),
        ({"timesteps": [1.5, 2.0], "results": [[1.0], [2.0]]}, "no list of whole numbers"),
        ({"timesteps": [1.0, numpy.inf], "results": [[1.0], [2.0]]}, "no list of whole numbers"),
        ({"timesteps": [1.0, 2.0**63], "results": [[1.0], [2.0]]}, "no list of whole numbers"),
        ({"timesteps": ["a"], "results": [[1.0]]}, "found values of type <U1"),
    ):
        with file.open("wb") as out:
            numpy.savez(out, **arrays)
        with pytest.raises(HistoryError, match=message):
            one(file)


def _monitor(path: Path, rows: list[str], t_start: float = 1000.0, columns: str = "r,l,t") -> Path:
    header = json.dumps({"t_start": t_start, "env_id": "CartPole-v1"})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#{header}\n{columns}\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_a_monitor_counts_the_steps_of_episodes_that_are_over(tmp_path: Path) -> None:
    file = _monitor(tmp_path / "monitor.csv", ["10.0,10,1.5", "20.0,20,3.0", "30.0,30,6.25"])
    history = one(file)
    assert column(history, "samples") == [10, 30, 60]
    assert column(history, "elapsed_seconds") == [1.5, 3.0, 6.25]
    assert column(history, "r") == [10.0, 20.0, 30.0]
    assert column(history, "rollout/ep_rew_mean") == [10.0, 15.0, 20.0]
    assert column(history, "rollout/ep_len_mean") == [10.0, 15.0, 20.0]
    assert history.started_at == 1000.0
    assert history.config == {"num_envs": 1, "env_id": "CartPole-v1"}


def test_means_are_over_the_last_hundred_episodes(tmp_path: Path) -> None:
    file = _monitor(tmp_path / "monitor.csv", [f"{i},1,{i}" for i in range(150)])
    assert column(one(file), "rollout/ep_rew_mean")[-1] == sum(range(50, 150)) / 100


def test_environments_side_by_side_are_one_run(tmp_path: Path) -> None:
    _monitor(tmp_path / "ppo" / "0.monitor.csv", ["1,10,2.0", "3,10,4.0"])
    _monitor(tmp_path / "ppo" / "1.monitor.csv", ["2,5,2.0", "4,5,3.5"], t_start=1000.5)
    (history,) = read(tmp_path)
    assert history.run == "ppo"
    assert column(history, "r") == [1.0, 2.0, 3.0, 4.0]
    assert column(history, "samples") == [10, 15, 25, 30]
    assert column(history, "elapsed_seconds") == [2.0, 2.5, 4.0, 4.0]


def test_a_timer_that_began_anew_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = _monitor(tmp_path / "monitor.csv", ["1,10,2.0", "1,10,5.0", "1,10,1.0", "1,10,2.0"])
    assert column(one(file), "elapsed_seconds") == [2.0, 5.0, 6.0, 7.0]
    assert "its timer began anew" in caplog.text


def test_a_monitor_that_is_cut_short_gives_its_whole_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = _monitor(tmp_path / "monitor.csv", ["1,10,2.0", "broken", "1,10,5.0"], columns="r,l,t,is_success")
    file.write_text(file.read_text() + "1,10,9")
    assert column(one(file), "samples") == [10, 20]
    assert "its last row is cut short" in caplog.text
    assert "1 rows tell no length or time" in caplog.text


def test_a_monitor_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="expected r, l and t among them"):
        one(_monitor(tmp_path / "monitor.csv", [], columns="r,l"))
