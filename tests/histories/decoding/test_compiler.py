import errno
from importlib.machinery import ModuleSpec

import pytest

pytest.importorskip("numba")

from numba import types
from numba.core import caching

from milepost.histories.decoding import compiler


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_read_bytes", 0)


def next_of(number: int) -> int:
    return number + 1


def test_small_logs_do_not_load_the_compiler_and_many_of_them_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "COMPILED_BYTES", 100)
    assert [compiler.scanners(40) is not None for _ in range(4)] == [False, False, True, True]


def test_without_numba_python_reads_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> ModuleSpec | None:
        return None if name == "numba" else ModuleSpec(name, None)

    monkeypatch.setattr(compiler, "find_spec", find)
    compiler.load.cache_clear()
    try:
        assert compiler.scanners(2**40) is None
    finally:
        compiler.load.cache_clear()


def test_where_nothing_can_be_kept_functions_are_compiled_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    assert compiler.compiled(types.int64(types.int64))(next_of)(1) == 2


def test_a_full_disk_keeps_no_function_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", save)
    assert compiler.compiled(types.int64(types.int64))(next_of)(1) == 2


def test_a_full_disk_keeps_no_function_from_running_that_is_compiled_when_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def save(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "load", lambda *_: None)
    monkeypatch.setattr(caching.IndexDataCacheFile, "save", save)
    assert compiler.compiled()(next_of)(1) == 2


def test_numba_that_refuses_to_be_loaded_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError("Numba needs NumPy 2.2 or less")

    monkeypatch.setattr(compiler, "import_module", refuse)
    compiler.load.cache_clear()
    try:
        assert compiler.load("milepost.replaying.compiled.bulk") is None
    finally:
        compiler.load.cache_clear()
