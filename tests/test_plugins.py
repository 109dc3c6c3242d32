"""Packages that add to Milepost: the one of docs/plugins.md, built, installed and used; and one that is broken."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import milepost
from milepost import plugins

pytest.importorskip("polars")

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```(?:toml|python)\n# (\S+)\n(.*?)```", re.DOTALL)
BROKEN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "milepost-broken"
version = "0.1"
[project.entry-points."milepost.histories"]
broken = "milepost_broken:Nowhere"
csv = "milepost.histories.formats.delimited:DelimitedReader"
unmade = "milepost_broken:Unmade"
wild = "milepost_broken:Wild"
[project.entry-points."milepost.sinks"]
half = "milepost_broken:Half"
number = "milepost_broken:NUMBER"
"""
BROKEN_CODE = """
from milepost.plugins import Reader, Sink

NUMBER = 1

class Half(Sink): ...

class Wild(Reader):
    name = "wild"

    def claims(self, file):
        raise IndexError("no such piece")

    def histories(self, files, run, wanted):
        raise IndexError("nor such a line")
        yield

class Unmade(Wild):
    def __init__(self):
        raise RuntimeError("no licence")
"""


def install(files: dict[str, str], folder: Path, site: Path) -> None:
    """Build a package of these files, and install it into a folder of its own."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--no-build-isolation", "--target", str(site), str(folder)], check=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of the documentation."""
    folder = tmp_path_factory.mktemp("acme")
    files = dict(BLOCK.findall((ROOT / "docs" / "plugins.md").read_text()))
    assert sorted(files) == [
        "milepost_acme/prices.py",
        "milepost_acme/reader.py",
        "milepost_acme/sink.py",
        "pyproject.toml",
    ]
    install({**files, "milepost_acme/__init__.py": ""}, folder / "source", folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    install({"pyproject.toml": BROKEN, "milepost_broken/__init__.py": BROKEN_CODE}, folder / "source", folder / "site")
    return folder / "site"


def run(*arguments: str, sites: list[Path], **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [*sites, *filter(None, [os.environ.get("PYTHONPATH")])]))
    environ = {**os.environ, "PYTHONPATH": path, **variables}
    return subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, text=True, check=False)


def cli(*arguments: str, sites: list[Path], **variables: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "milepost", *arguments, sites=sites, **variables)


def test_doctor_lists_what_is_installed_and_from_which_package(site: Path) -> None:
    done = cli("doctor", "--plugins", "--json", sites=[site])
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"group": f"milepost.{group}", "name": "acme", "package": "milepost-acme 1.0", "fault": None}
        for group in ("histories", "prices", "sinks")
    ]
    assert "milepost.sinks: acme (milepost-acme 1.0)" in cli("doctor", "--plugins", sites=[site]).stdout


def test_reader_is_used_by_its_logs_and_by_name(site: Path, tmp_path: Path) -> None:
    log = tmp_path / "mine.acme"
    log.write_text("acme 1\n1000 60 0.5\n2000 120 1.5\n3000 180 2.5\n")
    for more in ((), ("--format", "acme")):
        call = ("replay", str(log), "--threshold", "reward >= 2", "--price-per-hour", "6", "--json", *more)
        done = cli(*call, sites=[site])
        assert done.returncode == 0, done.stderr
        (result,) = map(json.loads, done.stdout.splitlines())
        assert (result["run"], result["samples_to_threshold"], result["minutes_to_threshold"]) == ("mine", 3000, 3.0)
        assert result["cost_to_threshold"] == pytest.approx(0.30)


def test_price_source_is_asked_about_its_provider_without_being_named(site: Path) -> None:
    done = cli("price", "big", "--provider", "acme", "--json", sites=[site])
    assert done.returncode == 0, done.stderr
    quote = json.loads(done.stdout)
    assert (quote["usd_per_hour"], quote["source"], quote["assumed"]) == (12.5, "acme", False)


def test_sink_gets_the_figures_of_a_run(site: Path, tmp_path: Path) -> None:
    code = (
        "import milepost\n"
        "thresholds = [milepost.PerformanceThreshold('good', 'reward', 1.0, smoothing_factor=1.0)]\n"
        "with milepost.track(thresholds=thresholds, sinks=['acme'], store='off', price_per_hour=6) as run:\n"
        "    run.update({'reward': 2.0}, samples=10, elapsed_seconds=60.0)\n"
    )
    done = run("-c", code, sites=[site], ACME_FILE=str(tmp_path / "figures.jsonl"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in (tmp_path / "figures.jsonl").read_text().splitlines()]
    known = {(line["threshold"], line["key"]): line["value"] for line in lines}
    assert (known["good", "achieved"], known["good", "samples_to_threshold"]) == (True, 10)
    assert known[None, "usd_per_hour"] == 6


def test_what_cannot_be_used_is_said_with_its_package_and_ends_nothing(
    site: Path, broken: Path, tmp_path: Path
) -> None:
    listed = cli("doctor", "--plugins", "--json", sites=[site, broken])
    assert listed.returncode == 1
    faults = {each["name"]: each["fault"] for each in map(json.loads, listed.stdout.splitlines()) if each["fault"]}
    assert faults == {
        "broken": "AttributeError: module 'milepost_broken' has no attribute 'Nowhere'",
        "csv": "Milepost has one of this name, which wins",
        "half": "milepost_broken:Half does not define _write",
        "number": "found milepost_broken:NUMBER, expected a subclass of Sink",
    }
    log = tmp_path / "log.csv"
    log.write_text("samples,elapsed_seconds,reward\n1000,60,3\n")
    done = cli("replay", str(log), "--threshold", "reward >= 2", "--json", sites=[site, broken])
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "milepost-broken 0.1" in line]
    assert [line.partition("the reader ")[2] for line in said] == [
        "'broken' of milepost-broken 0.1 can't be loaded: AttributeError: module 'milepost_broken' has no attribute "
        "'Nowhere'; it is left out",
        "'unmade' of milepost-broken 0.1 can't be loaded: RuntimeError: no licence; it is left out",
        f"'wild' of milepost-broken 0.1 is left out: it failed at {log}",
    ]
    assert "IndexError: no such piece" in done.stderr  # with its traceback
    asked_for = cli("replay", str(log), "--threshold", "reward >= 2", "--format", "wild", sites=[site, broken])
    assert asked_for.returncode == 2
    assert "the reader 'wild' of milepost-broken 0.1 failed: IndexError: nor such a line" in asked_for.stderr
    unmade = cli("replay", str(log), "--threshold", "reward >= 2", "--format", "unmade", sites=[site, broken])
    assert unmade.returncode == 2
    assert "the reader 'unmade' of milepost-broken 0.1 can't be loaded: RuntimeError: no licence" in unmade.stderr
    code = "import milepost; milepost.track(thresholds=[], sinks=['half'])"
    named = run("-c", code, sites=[broken])
    assert "'half' of milepost-broken 0.1 can't be loaded: milepost_broken:Half does not define _write" in named.stderr


def test_the_face_is_whole() -> None:
    for name in plugins.__all__:
        assert getattr(plugins, name).__doc__
    assert {base for bases in plugins.GROUPS.values() for base in bases} <= set(plugins.__all__)
    assert not hasattr(milepost.plugins, "nothing")
