"""``milepost doctor`` and ``milepost detect`` as a person runs them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import milepost
from tests.instances.metadata_server import EC2, like_ec2, serving

GOOD = """\
thresholds:
  - {name: solved, metric: reward, target_value: 200}
instance: {provider: aws, instance_type: g5.4xlarge, region: us-east-1, market: on_demand}
sinks: []
"""
BAD = """\
thresholds:
  - {name: exact, metric: loss, target_value: 0.5, comparison: "=="}
  - {name: slow, metric: reward, target_value: 200, smoothing_factor: 0.001}
instance: {provider: aws, instance_type: g5.4xlarge, region: us-east-1, market: spot}
sinks: []
"""


def write(folder: Path, text: str) -> str:
    file = folder / "thresholds.yaml"
    file.write_text(text)
    return str(file)


def test_setup_with_nothing_wrong(tmp_path: Path) -> None:
    done = milepost("doctor", "--config", write(tmp_path, GOOD))
    assert (done.returncode, done.stdout) == (0, "nothing to worry about\n"), done.stderr


def test_every_finding_says_what_happens_and_what_to_do_and_errors_are_a_no(tmp_path: Path) -> None:
    config = write(tmp_path, BAD)
    done = milepost("doctor", "--config", config)
    assert done.returncode == 1
    assert done.stdout.startswith("error: confirm: exact: an average is hardly ever exactly 0.5")
    findings = [json.loads(line) for line in milepost("doctor", "--config", config, "--json").stdout.splitlines()]
    assert [(each["severity"], each["check"]) for each in findings] == [
        ("error", "confirm"),
        ("warning", "smoothing"),
        ("warning", "checkpoints"),
        ("warning", "price"),  # a spot price from the fallback table is assumed
        ("warning", "store"),  # and its disk goes with the machine
    ]
    assert all(each["what"] and each["do"] for each in findings)
    findings = [
        json.loads(line)
        for line in milepost("doctor", "--config", config, "--checkpoints", str(tmp_path), "--json").stdout.splitlines()
    ]
    assert "checkpoints" not in {each["check"] for each in findings}


@pytest.mark.parametrize("arguments", [["--config", "none.yaml"], ["--config", "nowhere"], ["--confg", "x"]])
def test_wrong_calls(arguments: list[str], tmp_path: Path) -> None:
    done = milepost("doctor", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_machine_alone_is_looked_at_without_a_configuration(tmp_path: Path) -> None:
    done = milepost("doctor", "--json", cwd=tmp_path, WORLD_SIZE="8", WANDB_MODE="disabled")
    found = {each["check"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert found["ranks"]["severity"] == "error"
    assert "taken for g5.4xlarge" in found["price"]["what"]
    assert "thresholds" not in found


def detected(**environ: str) -> Any:
    done = milepost("detect", "--json", cwd=None, **environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_detect_says_what_each_probe_answered() -> None:
    with serving(like_ec2(EC2)) as server:
        environ = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}
        found = detected(**environ)
        shown = milepost("detect", cwd=None, **environ).stdout
    assert found["instance_type"] == {"value": "p4d.24xlarge", "source": "aws metadata"}
    assert found["market"] == {"value": "spot", "source": "aws metadata"}
    assert found["probes"]["aws metadata"] == "answered"
    assert found["probes"]["gcp metadata"] != "answered"
    assert "aws metadata" in shown
    assert "not on a known cloud" not in shown


def test_detect_off_a_cloud_says_so_and_pretends_nothing() -> None:
    found = detected()
    assert found["instance_type"] == {"value": "g5.4xlarge", "source": "default"}
    assert "answered" not in found["probes"].values()
    shown = milepost("detect").stdout
    assert "not on a known cloud" in shown
    assert "assumed: this machine's instance type, market and region are not known" in " ".join(shown.split())


def test_detect_asks_nobody_where_variables_tell() -> None:
    found = detected(MILEPOST_INSTANCE_TYPE="g5.xlarge", MILEPOST_REGION="us-east-1", MILEPOST_MARKET="on_demand")
    assert list(found["probes"]) == ["gpus"]


def test_text_among_earlier_logs_is_read_by_patterns(tmp_path: Path) -> None:
    thresholds = "thresholds:\n- {name: t, metric: L, target_value: 0.001, comparison: '<='}\n"
    config = write(tmp_path, f"{thresholds}prices: {{price_per_hour: 1}}\n")
    log = tmp_path / "train.out"
    log.write_text("".join(f"upd<{at}> L<{1 / at}>\n" for at in range(1, 40)))
    checked = ("doctor", "--config", config, "--logs", str(log))
    assert milepost(*checked).returncode == 2
    done = milepost(*checked, "--pattern", r"upd<(?P<step>\d+)> L<(?P<L>[\d.]+)>")
    assert done.returncode in (0, 1), done.stderr
    assert "no further than 0.0403585 to 1, smoothed: not to <= 0.001" in done.stdout
    assert milepost("doctor", "--pattern", "x").returncode == 2
