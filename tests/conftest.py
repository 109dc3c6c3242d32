"""Settings of the whole suite."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, so that a change is judged by itself; HYPOTHESIS_PROFILE=search draws new ones.
settings.register_profile("check", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "check"))

# A shell's background job ignores Ctrl-C (`nohup make test &`), and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

NOBODY = "http://127.0.0.1:9"
"""An address at which nobody answers."""


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No credentials, cached prices or catalogs of whoever runs the tests, and no network but loopback."""
    home: Path = tmp_path_factory.mktemp("home")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, file in (
        ("XDG_CACHE_HOME", "cache"),
        ("SKY_RUNTIME_DIR", "sky"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        ("AWS_CONFIG_FILE", "config"),
        ("BOTO_CONFIG", "boto"),
    ):
        monkeypatch.setenv(name, str(home / file))
    monkeypatch.setenv("MILEPOST_STORE", str(home / "milepost.db"))
    for name in ("WANDB_RUN_ID", "WANDB_RUN_GROUP", "MILEPOST_GROUP", "SKYPILOT_MANAGED_JOB_ID", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("MILEPOST_GCP_API_KEY", raising=False)
    for name in ("AZURE_PRICES", "GCP_BILLING", "CATALOG", "AZURE_METADATA", "OCI_METADATA"):
        monkeypatch.setenv(f"MILEPOST_{name}_URL", NOBODY)
    monkeypatch.setenv("GCE_METADATA_HOST", NOBODY.removeprefix("http://"))


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a test has made of the loggers, as a command does, is undone after it."""
    root = logging.getLogger("milepost")
    level, propagate, handlers = root.level, root.propagate, root.handlers[:]
    yield
    root.setLevel(level)
    root.propagate = propagate
    root.handlers[:] = [each for each in root.handlers if each in handlers or isinstance(each, logging.NullHandler)]
