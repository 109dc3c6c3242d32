"""What Oracle Cloud's instance metadata service tells: shape, region and availability domain.

Source: https://docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm
"""

import re
from collections.abc import Mapping
from typing import ClassVar

from milepost.instances.metadata import LINK_LOCAL, fetch, fitting, if_told, object_of
from milepost.instances.probe import Probe
from milepost.money.instance import Instance

QUESTION = "/opc/v2/instance/"

MAX_BYTES = 256 * 2**10
"""Its answer holds the user data and the tags of an instance."""

SHAPE = re.compile(r"(VM|BM)\.[A-Za-z0-9]+([.-][A-Za-z0-9]+)*")
REGION = re.compile(r"[a-z]+(-[a-z]+)+-\d+")
DOMAIN = re.compile(r"([A-Za-z0-9_-]+:)?[A-Za-z0-9]+(-[A-Za-z0-9]+)+|")


class OCIMetadata(Probe):
    """Asks Oracle Cloud's metadata service, version 2 only, at ``MILEPOST_OCI_METADATA_URL`` where that is set."""

    name: ClassVar[str] = "oci metadata"

    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        """Return shape, region and availability domain.

        The market is known where the answer holds what Oracle's API calls ``preemptibleInstanceConfig``
        (https://docs.oracle.com/iaas/api/#/en/iaas/latest/Instance/). Its metadata are not documented to hold that: of
        an instance without it, nothing is known.

        Raises:
            ProbeFailed: It does not answer, or not as Oracle does.
        """
        base = (environ.get("MILEPOST_OCI_METADATA_URL") or LINK_LOCAL).rstrip("/")
        answer = fetch(base + QUESTION, {"Authorization": "Bearer Oracle"}, deadline, max_bytes=MAX_BYTES)
        told = object_of(answer)
        return Instance.known(
            self.name,
            provider="oci",
            instance_type=fitting(told.get("shape"), SHAPE),
            market="spot" if isinstance(told.get("preemptibleInstanceConfig"), dict) else None,
            region=fitting(told.get("canonicalRegionName"), REGION),
            zone=if_told(self.name, "availabilityDomain", lambda: fitting(told.get("availabilityDomain") or "", DOMAIN))
            or None,
        )
