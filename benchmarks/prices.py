"""What looking prices up costs a run: nothing that training could feel."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import milepost
from benchmarks.timing import Ratio, Work, side_by_side
from benchmarks.tracker import METRICS, thresholds

UPDATES = 1000
AZURE = {"provider": "azure", "instance_type": "Standard_ND96asr_v4", "region": "eastus", "market": "on_demand"}
P5 = {"provider": "aws", "instance_type": "p5.48xlarge", "region": "us-east-1", "market": "on_demand"}
NOBODY = "http://127.0.0.1:9"


def of_runs() -> Iterator[Ratio]:
    """A tracked run that looks its price up, without network or credentials, against one that was given it."""
    with _bare_machine():
        yield side_by_side(
            "a tracked run of an unknown machine and 1,000 updates, no credentials, against `price_per_hour`",
            _run(),
            _run(price_per_hour=1.0),
            bound=1.1,
        )
        yield _in_fresh_processes("the same in a fresh process, without its exit", "instance=None", to_exit=False)
        yield _in_fresh_processes("the same on Azure, no network", f"instance={AZURE}", to_exit=False)
        yield _in_fresh_processes("a whole process of an unknown machine, to its exit", "instance=None", to_exit=True)


def of_updates_beside_a_hanging_server() -> Iterator[Ratio]:
    """The largest of 10,000 updates while a price server is asked that takes questions and never answers."""
    with _bare_machine(), socket.create_server(("127.0.0.1", 0)) as server:
        os.environ["AWS_ENDPOINT_URL_PRICING"] = f"http://127.0.0.1:{server.getsockname()[1]}"
        os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "EXAMPLE"
        largest = []
        for _ in range(5):
            run = milepost.track(thresholds=thresholds(20), instance=P5, sinks=[], store="off")
            slowest = 0.0
            for samples in range(10_000):
                start = time.perf_counter()
                run.update(METRICS, samples)
                slowest = max(slowest, time.perf_counter() - start)
            largest.append(slowest)
            run.close("interrupted")
        yield Ratio(
            "the largest of 5 × 10,000 updates while a price server hangs, against 5 ms", max(largest), 0.005, 1.0
        )


def _run(**arguments: object) -> Work:
    def work() -> None:
        run = milepost.track(thresholds=thresholds(20), sinks=[], store="off", **arguments)  # type: ignore[arg-type]
        for samples in range(UPDATES):
            run.update(METRICS, samples)

    return work


def _in_fresh_processes(name: str, argument: str, *, to_exit: bool) -> Ratio:
    """Time a tracked run and its updates inside fresh processes, imports left out; or the processes as a whole."""

    def seconds(argument: str) -> float:
        code = (
            "import time, milepost; from benchmarks.tracker import METRICS, thresholds; milepost.track\n"
            "start = time.perf_counter()\n"
            f"run = milepost.track(thresholds=thresholds(20), sinks=[], store='off', {argument})\n"
            f"for samples in range({UPDATES}): run.update(METRICS, samples)\n"
            "print(time.perf_counter() - start)\n"
            "run.close()"
        )
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environ)
        return time.perf_counter() - start if to_exit else float(done.stdout)

    looked_up, given = zip(*((seconds(argument), seconds("price_per_hour=1.0")) for _ in range(20)), strict=True)
    return Ratio(name, statistics.median(looked_up), statistics.median(given), 1.1)


@contextmanager
def _bare_machine() -> Iterator[None]:
    """No credentials, no cached prices, no catalogs, and nobody to ask, until the end of the block."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith(("AWS_", "MILEPOST_", "SKY"))]:
            del os.environ[name]
        for name in (
            "XDG_CACHE_HOME",
            "SKY_RUNTIME_DIR",
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_CONFIG_FILE",
            "BOTO_CONFIG",
        ):
            os.environ[name] = os.path.join(folder, name)
        os.environ.update(AWS_EC2_METADATA_DISABLED="true", MILEPOST_AZURE_PRICES_URL=NOBODY)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
