"""Every command can be imported where what reads logs isn't installed: it is asked for when logs are read."""

import subprocess
import sys

CHECK = """
import importlib, pkgutil, sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("polars", "numpy", "pyarrow", "numba", "google"):
            raise ModuleNotFoundError(f"No module named {name}", name=name)

sys.meta_path.insert(0, Nothing())
import milepost.cli
for module in pkgutil.iter_modules(milepost.cli.__path__):
    importlib.import_module(f"milepost.cli.{module.name}")
"""


def test_no_command_needs_what_reads_logs_to_be_imported() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
