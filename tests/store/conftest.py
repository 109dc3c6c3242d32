"""Databases for stores: a file, and a real PostgreSQL server, which listens on a socket in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of one of the server's programs; Debian keeps them out of the way."""
    folders = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ["PATH"]]))
    return found or pytest.skip("there is no PostgreSQL server")


@pytest.fixture(scope="session")
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
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(host=str(server), user="me", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://me@/{name}?host={server}"


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store is: what holds on one database holds on the other."""
    return str(tmp_path / "store.db") if request.param == "sqlite" else str(request.getfixturevalue("url"))
