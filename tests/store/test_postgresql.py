"""The store on a real PostgreSQL server, which listens on a socket in a folder of its own."""

import multiprocessing
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from milepost.money.position import Position
from milepost.runs.record import Curve, CurvePoint, Process, Run, RunEvent
from milepost.store.store import Store
from milepost.tracking.thresholds import Smoothing
from tests.helpers import START, ledger
from tests.store.test_store import record

psycopg = pytest.importorskip("psycopg")


def program(name: str) -> str:
    """The path of one of the server's programs; Debian keeps them out of the way."""
    folders = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"]]))
    return found or pytest.skip("there is no PostgreSQL server")


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    """The folder of a running server's socket. It refuses to run as root."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path is short
    shutil.chown(folder, user or os.geteuid())

    def call(name: str, *arguments: str) -> None:
        command = [program(name), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, user=user, cwd=folder, stdout=subprocess.DEVNULL, check=True)

    try:
        call("initdb", "--auth=trust", "--username=me", "--no-sync")
        call("pg_ctl", "start", "--wait", "-o", f"-F -k {folder} -c listen_addresses=''")
        try:
            yield folder
        finally:
            call("pg_ctl", "stop", "--mode=immediate")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def url(server: Path) -> str:
    """A database that is new."""
    name = f"d{os.urandom(4).hex()}"
    with psycopg.connect(host=str(server), user="me", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://me@/{name}?host={server}"


def _write_one(url: str, name: str) -> None:
    store = Store(url)
    store.write(record(ledger(), run=Run(id=name, started_at=START, alive_at=START)))
    store.close()


def test_processes_that_open_a_new_store_at_once_make_one(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_one, args=(url, str(index))) for index in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * 6
    store = Store(url)
    assert sorted(run.id for run in store.runs()) == [str(index) for index in range(6)]
    store.close()


def test_what_is_written_is_read_back_also_when_written_twice(url: str) -> None:
    book = ledger(1.0, (10, 2.0))
    event = RunEvent(id="e", kind="crossing", position=Position(10, 1.0, START + 1), detail={"thresholds": ["two"]})
    whole = record(
        book,
        processes=(Process(id="p", host="h", pid=7, started_at=START, alive_at=START, heartbeat_seconds=15.0),),
        opened_by={book.segments[0].id: "p"},
        curves=(Curve("m", Smoothing(0.5), 1, (CurvePoint(0, 10, 1.0, 2.0, 3.0),)),),
        events=(event,),
    )
    store = Store(url)
    for _ in range(2):
        store.write(whole)
        kept = store.load("run")
        assert kept is not None
        assert msgspec.structs.replace(kept, results=whole.results) == whole
    assert store.delete("run")
    assert store.runs() == []
    store.close()
