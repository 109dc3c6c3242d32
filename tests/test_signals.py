"""What the suite stands on: a process that a test starts can be interrupted, however the suite itself was started."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHILD = "import os, signal; os.kill(os.getpid(), signal.SIGINT); raise SystemExit('was not interrupted')"


def test_children_of_a_suite_in_the_background_can_be_interrupted() -> None:
    run = f"subprocess.run([sys.executable, '-c', {CHILD!r}])"
    suite = f"import subprocess, sys, tests.conftest; sys.exit({run}.returncode)"
    done = subprocess.run(
        [sys.executable, "-c", suite],
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        check=False,
    )
    assert done.returncode == 256 - signal.SIGINT  # how it ended, as an exit status of the suite's
