"""`milepost.replay` and `milepost.Results` are one object each, whatever a program imported before."""

import subprocess
import sys

import pytest

CHECK = """
import inspect, types
import milepost
from milepost.replaying.replay import replay
from milepost.replaying.results import Results
assert type(milepost.replay) is types.FunctionType, milepost.replay
assert milepost.replay is replay
assert milepost.Results is Results
assert [*inspect.signature(milepost.replay).parameters][:3] == ["paths", "thresholds", "config"]
from milepost.replaying import replay as module
assert type(module) is types.ModuleType, module
"""


@pytest.mark.parametrize(
    "first",
    [
        "",
        "import milepost.replaying",
        "import milepost.replaying.replay",
        "import milepost.replaying.results, milepost.replaying.saving",
        "from milepost import Results, replay",
        "from milepost.replaying.workers import scheduling",
        "from milepost.replaying.compiled import bulk",
        "import milepost.cli.replay",
        "import milepost; milepost.report; import milepost.replaying.engine",
    ],
)
def test_replay_is_the_function_whatever_was_imported_before(first: str) -> None:
    if "bulk" in first:
        pytest.importorskip("numba")
    done = subprocess.run([sys.executable, "-c", f"{first}\n{CHECK}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
