"""The processes that train together, for real: two of them, over gloo."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]

WORK = """
import pathlib, torch
from examples.arena.ranks import Ranks

with Ranks() as ranks:
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.full((1, 2), float(ranks.rank))).sum().backward()
    ranks.average_gradients(layer.parameters())
    print(layer.weight.grad.tolist(), ranks.mean({"a": float(ranks.rank)}), ranks.highest(ranks.rank))
print(sorted(each.read_text() for each in pathlib.Path("/proc/self/task").glob("*/comm") if "gloo" in each.read_text()))
"""


def test_nothing_of_the_group_outlives_it() -> None:
    """A thread of it that is still there when Python ends aborts the process, now and then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    environ = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", WORK], env=environ | {"RANK": str(rank)}, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=240)[0] for process in ranks]
    assert said == ["[[0.5, 0.5]] {'a': 0.5} (1,)\n[]\n"] * 2
