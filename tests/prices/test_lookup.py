"""Lookups in processes of their own: what becomes of those that fail."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance
from milepost.prices import lookup
from milepost.prices.lookup import Apart

P5 = Instance(provider="aws", instance_type="p5.48xlarge")


def test_reason_comes_back_from_the_other_process() -> None:
    with pytest.raises(PriceUnavailable, match="a capacity block is paid for in advance"):
        Apart()("aws", Instance(provider="aws", instance_type="p5.48xlarge", market="capacity_block"), None)


def test_files_of_the_working_directory_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "queue", "msgspec", "datetime"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PriceUnavailable, match="a capacity block is paid for in advance"):
        Apart()("aws", Instance(provider="aws", instance_type="p5.48xlarge", market="capacity_block"), None)


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "print('no JSON')", "print('{\"quote\": 3}')"])
def test_process_that_fails_is_a_price_that_is_not_available(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!{sys.executable}\n{program}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with pytest.raises(PriceUnavailable, match="the lookup failed"):
        Apart()("aws", P5, None)


def test_process_that_cannot_be_started_is_a_price_that_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(PriceUnavailable, match="could not be started"):
        Apart()("aws", P5, None)


def sleeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))


def test_process_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeping(tmp_path, monkeypatch)
    monkeypatch.setattr(lookup, "LIMIT_SECONDS", 0.2)
    with pytest.raises(PriceUnavailable, match=r"did not answer within 0\.2 s"):
        Apart()("aws", P5, None)


def test_closing_ends_the_lookup_under_way_and_allows_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeping(tmp_path, monkeypatch)
    apart = Apart()
    outcome: list[Any] = []

    def ask() -> None:
        try:
            outcome.append(apart("aws", P5, None))
        except PriceUnavailable as error:
            outcome.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    while apart._process is None:
        thread.join(0.01)
    apart.close()
    thread.join(30)
    assert outcome == ["the lookup failed"]
    with pytest.raises(PriceUnavailable, match="the run is over"):
        apart("aws", P5, None)


def test_program_that_is_its_own_interpreter_asks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(PriceUnavailable, match="a capacity block is paid for in advance"):
        Apart()("aws", Instance(provider="aws", instance_type="p5.48xlarge", market="capacity_block"), None)
