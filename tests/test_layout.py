"""The ground floor is pure, importing is cheap, and every adapter imports its client late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import milepost

SOURCE = Path(milepost.__file__).parent
GROUND = ("errors", "log", "money", "tracking", "runs")
MODULES = [path for room in GROUND for path in (SOURCE / room).rglob("*.py")] + [
    SOURCE / "errors.py",
    SOURCE / "log.py",
]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_ground_imports_the_standard_library_and_msgspec_only(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            if top == "milepost":
                assert name.split(".")[1] in GROUND, name
            else:
                assert top == "msgspec" or top in sys.stdlib_module_names, name


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_milepost_loads_nothing() -> None:
    loaded = loaded_after("import milepost")
    assert {name for name in loaded if name.startswith("milepost.")} == set()
    assert not loaded & {"msgspec", "yaml", "rich", "typer", "numpy", "logging"}


def test_tracker_needs_no_third_party_but_msgspec() -> None:
    code = "import milepost\nmilepost.PerformanceThresholdTracker([milepost.PerformanceThreshold('a', 'm', 1.0)])"
    assert not loaded_after(code) & {"numpy", "yaml", "rich", "typer", "wandb", "boto3", "torch", "logging"}


def test_tracked_run_imports_no_client() -> None:
    code = "import milepost\nmilepost.track(thresholds=[], sinks=[]).close()"
    assert not loaded_after(code) & {"numpy", "rich", "typer", "wandb", "boto3", "botocore", "torch", "pandas"}


def test_pictures_are_reached_from_the_package_and_load_nothing_until_drawn() -> None:
    loaded = loaded_after("import milepost\nassert callable(milepost.report.figure)")
    assert not loaded & {"altair", "vl_convert", "jinja2", "plotext", "wandb_workspaces", "polars"}


def test_public_names_are_all_there() -> None:
    for name in milepost.__all__:
        assert getattr(milepost, name).__doc__
    assert set(milepost.__all__) == set(milepost._HOMES)
    with pytest.raises(AttributeError, match="nothing"):
        milepost.nothing  # noqa: B018
