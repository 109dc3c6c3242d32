"""What Azure's instance metadata service tells: size, location, priority and zone.

Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from milepost.instances.environment import warn
from milepost.instances.metadata import LINK_LOCAL, fetch, fitting, if_told, object_of
from milepost.instances.probe import Probe, ProbeFailed
from milepost.money.instance import Instance, Market

QUESTION = "/metadata/instance?api-version=2021-02-01"

MAX_BYTES = 256 * 2**10
"""Its answer holds the user data, up to 64 KB of it, in base 64:
https://learn.microsoft.com/azure/virtual-machines/user-data"""

MARKETS: dict[str, Market] = {"Regular": "on_demand", "Spot": "spot"}
"""Priorities whose prices are known. ``Low`` came before ``Spot`` and is priced otherwise:
https://learn.microsoft.com/azure/batch/batch-spot-vms"""

SIZE = re.compile(r"[A-Za-z]+(_[A-Za-z0-9-]+)+")
LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9]*")
ZONE = re.compile(r"\d{0,3}")
PRIORITY = re.compile(r"[A-Za-z]*")


class AzureMetadata(Probe):
    """Asks Azure's metadata service, at ``MILEPOST_AZURE_METADATA_URL`` where that is set."""

    name: ClassVar[str] = "azure metadata"

    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        """Return size, market, location and zone.

        Where the priority is empty, as on single machines it can be, the market is not known.

        Raises:
            ProbeFailed: It does not answer, or not as Azure does.
        """
        base = (environ.get("MILEPOST_AZURE_METADATA_URL") or LINK_LOCAL).rstrip("/")
        answer = fetch(base + QUESTION, {"Metadata": "true"}, deadline, max_bytes=MAX_BYTES)
        compute = object_of(answer).get("compute")
        if not isinstance(compute, dict):
            raise ProbeFailed("an answer that is not Azure's")
        return Instance.known(
            self.name,
            provider="azure",
            instance_type=fitting(compute.get("vmSize"), SIZE),
            market=self._market(compute),
            region=fitting(compute.get("location"), LOCATION).lower(),
            zone=if_told(self.name, "zone", lambda: fitting(compute.get("zone") or "", ZONE)) or None,
        )

    def _market(self, compute: Mapping[str, Any]) -> Market | None:
        priority = if_told(self.name, "priority", lambda: fitting(compute.get("priority") or "", PRIORITY))
        if priority and priority not in MARKETS:
            warn(f"{self.name}: priority", priority, f"one of {', '.join(MARKETS)}")
        return MARKETS.get(priority or "")
