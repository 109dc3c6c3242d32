"""The ground floor is pure, importing is cheap, and every adapter imports its client late."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import milepost

SOURCE = Path(milepost.__file__).parent
GROUND = ("errors", "files", "log", "secrets", "text", "money", "tracking", "runs")
MODULES = [path for room in GROUND for path in SOURCE.glob(f"{room}.py")] + [
    path for room in GROUND for path in (SOURCE / room).rglob("*.py")
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


def imported(node: ast.AST) -> Iterator[str]:
    """Yield what a piece of code imports, inside functions too; not what is for type checkers alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "a relative import: say from where"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def imports_of(source: Path) -> dict[str, set[str]]:
    """Return by name the modules of a package that each of its modules imports; a name in one stands for that."""
    names = {}
    for path in source.rglob("*.py"):
        parts = path.relative_to(source.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found = {}
    for module, path in names.items():
        told = set(imported(ast.parse(path.read_text())))
        found[module] = {each if each in names else each.rpartition(".")[0] for each in told} & names.keys() - {module}
    return found


def test_no_modules_import_each_other() -> None:
    graph = imports_of(SOURCE)
    assert "milepost.tracking.crossing" in graph["milepost.tracking.tracker"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("imports", "circle"),
    [
        ("import p.a", True),
        ("from p import a", True),
        ("from p.a import name", True),
        ("def late():\n    from p.a import name", True),
        ("if TYPE_CHECKING:\n    from p.a import name", False),
        ("from p.c import name", False),
        ("load('p.a')", False),
    ],
)
def test_a_circle_of_imports_is_found(tmp_path: Path, imports: str, circle: bool) -> None:
    package = tmp_path / "p"
    package.mkdir()
    for name, code in {"__init__": "", "a": "from p.b import name", "b": imports, "c": ""}.items():
        (package / f"{name}.py").write_text(code)
    graph = imports_of(package)
    assert graph["p.a"] == {"p.b"}
    assert ("p.a" in graph["p.b"]) is circle


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


LONG = {"histories/decoding/scanners.py", "replaying/compiled/kernel.py"}
"""Numba keeps compiled code a file: these two may be long."""

THREADS = {
    "instances/probing.py",
    "replaying/workers/processes.py",
    "replaying/workers/scheduling.py",
    "tracked_run/missing.py",
    "tracked_run/notice_watch.py",
    "tracked_run/price_watch.py",
    "tracked_run/showing.py",
    "tracked_run/store_writer.py",
}
"""Where threads start, as the design's table has it."""

CATCH_ALL = {
    "cli/__init__.py",
    "histories/finding/added.py",
    "plugins.py",
    "prices/added.py",
    "report/wandb_board.py",
    "runs/settings.py",
    "runs/told.py",
    "tracked_run/notice_watch.py",
    "tracked_run/part.py",
    "tracked_run/price_watch.py",
    "tracked_run/run.py",
    "tracked_run/store_writer.py",
    "tracking/precision.py",
    "tracking/series.py",
}
"""Where ``Exception`` is caught, as the design's table has it."""


def files_with(is_meant: Callable[[ast.AST], bool]) -> set[str]:
    """Return the files in which there is such a piece of code."""
    return {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(map(is_meant, ast.walk(ast.parse(path.read_text()))))
    }


def test_threads_start_where_the_design_says() -> None:
    def starts(node: ast.AST) -> bool:
        names = ("threading.Thread", "threading.Timer", "Thread", "ThreadPoolExecutor")
        return isinstance(node, ast.Call) and ast.unparse(node.func) in names

    assert files_with(starts) == THREADS
    table = (SOURCE.parents[1] / "docs" / "design.md").read_text()
    assert all(f"`{name.removesuffix('.py')}`" in table for name in THREADS)


def test_exception_is_caught_where_the_design_says() -> None:
    def catches(node: ast.AST) -> bool:
        return isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")

    assert files_with(catches) == CATCH_ALL
    table = (SOURCE.parents[1] / "docs" / "design.md").read_text()
    assert all(f"`{name.removesuffix('.py').removesuffix('/__init__')}`" in table for name in CATCH_ALL)


def test_no_file_has_grown_past_reading() -> None:
    lines = {path.relative_to(SOURCE).as_posix(): path.read_text().count("\n") for path in SOURCE.rglob("*.py")}
    assert {name for name, count in lines.items() if count > 500} <= LONG
    assert lines["tracking/tracker.py"] <= 350
    assert sorted(lines.values())[len(lines) // 2] <= 120
