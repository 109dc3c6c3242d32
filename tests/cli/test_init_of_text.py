"""``milepost init --logs`` of text that is not read as it stands."""

import re
from pathlib import Path

from milepost.config import load_performance_thresholds
from tests.cli.test_cli import milepost

LOG = "".join(f"[t+{at}.0] upd {at} :: L={1 / at:.4f} (of 9)\n" for at in range(1, 21))


def test_a_pattern_is_proposed_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "odd.out").write_text(LOG)
    done = milepost("init", "mine.yaml", "--logs", "odd.out", cwd=tmp_path)
    assert done.returncode == 2
    assert "step=1, L=1.0000, of=9\n" in done.stdout
    assert not (tmp_path / "mine.yaml").exists()
    found = re.search(r"--pattern '(.*)'", done.stdout)
    assert found is not None
    done = milepost("init", "mine.yaml", "--logs", "odd.out", "--pattern", found[1], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "wrote mine.yaml\n")
    thresholds = load_performance_thresholds(tmp_path / "mine.yaml").thresholds
    assert [threshold.metric for threshold in thresholds] == ["L", "of"]
    assert milepost("replay", "odd.out", "--config", "mine.yaml", "--pattern", found[1], cwd=tmp_path).returncode == 0


def test_a_pattern_without_logs_is_refused(tmp_path: Path) -> None:
    done = milepost("init", "mine.yaml", "--pattern", r"(?P<step>\d+) (?P<L>\d+)", cwd=tmp_path)
    assert done.returncode == 2
    assert "expected --logs beside --pattern" in done.stderr
