"""SageMaker training jobs, billed as SageMaker and not as EC2: their types begin with ``ml.``, and have no price here.

Source: https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md
"""

import json
from collections.abc import Mapping

from milepost.instances.environment import read, text
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def from_sagemaker(environ: Mapping[str, str]) -> Placement:
    """Return type, region and hosts, and the host's place among them as rank, where a host is one process."""
    kind = read(environ, "SM_CURRENT_INSTANCE_TYPE", _type, "a type such as ml.p4d.24xlarge")
    hosts = read(environ, "SM_HOSTS", _hosts, 'a list of hosts, such as ["algo-1"]')
    if kind is None and hosts is None:
        return Placement()
    here = environ.get("SM_CURRENT_HOST")
    rank = hosts.index(here) if hosts and here in hosts else None
    sources = {
        "provider": "SM_CURRENT_INSTANCE_TYPE",
        "instance_type": "SM_CURRENT_INSTANCE_TYPE",
        "region": "AWS_REGION",
        "num_nodes": "SM_HOSTS",
    }
    instance = Instance.known(
        sources,
        provider="aws" if kind else None,
        instance_type=kind,
        region=read(environ, "AWS_REGION", text, "a region"),
        num_nodes=len(hosts) if hosts else None,
    )
    return Placement(instance=instance, rank=rank, rank_source=None if rank is None else "SM_CURRENT_HOST")


def _type(value: str) -> str | None:
    return text(value) if value.startswith("ml.") else None


def _hosts(value: str) -> list[str] | None:
    try:
        hosts = json.loads(value)
    except (ValueError, RecursionError):
        return None
    named = isinstance(hosts, list) and hosts and all(isinstance(host, str) for host in hosts)
    return hosts if named else None
