"""What Compute Engine's metadata server tells: machine type, zone and whether it may be preempted.

Sources: https://cloud.google.com/compute/docs/metadata/querying-metadata,
https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from milepost.instances.environment import warn
from milepost.instances.metadata import LINK_LOCAL, Answer, fetch, if_told, object_of, text_of
from milepost.instances.probe import Probe, ProbeFailed
from milepost.money.instance import Instance, Market

OWN_NAMES = ("metadata.google.internal", "metadata.google.internal.", "metadata")
"""Names of the link-local address, which is asked itself: off GCP, looking up a name may take longer than there is."""

MACHINE_TYPE = re.compile(r"projects/[^/\s]+/machineTypes/[a-z0-9]+(-[a-z0-9]+)*")
ZONE = re.compile(r"projects/[^/\s]+/zones/[a-z]+(-[a-z]+)*-[a-z]+\d+-[a-z0-9]+")

TPU = re.compile(r"v\d+[a-z]*-\d+")

TRUTH = re.compile(r"TRUE|FALSE")

MODELS: dict[str, Market] = {"STANDARD": "on_demand", "SPOT": "spot"}
"""Provisioning models whose prices are known. ``FLEX_START`` and ``RESERVATION_BOUND`` are paid for otherwise:
https://cloud.google.com/compute/docs/instances/provisioning-models"""


class GCPMetadata(Probe):
    """Asks Compute Engine's metadata server, at ``GCE_METADATA_HOST`` where that is set.

    ``NO_GCE_CHECK`` is read as google-auth reads it:
    https://googleapis.dev/python/google-auth/latest/reference/google.auth.environment_vars.html
    """

    name: ClassVar[str] = "gcp metadata"

    def why_not(self, environ: Mapping[str, str]) -> str | None:
        """Say that ``NO_GCE_CHECK`` forbids it."""
        return "NO_GCE_CHECK is true" if environ.get("NO_GCE_CHECK", "").lower() == "true" else None

    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        """Return machine type, market, region and zone.

        GPUs are left to the machine type; those that are attached to an N1 are not told here. A host of a TPU slice
        tells the slice's type, which is what is paid for, in an attribute (``accelerator-type``, such as ``v3-32``).
        Where no provisioning model is told, as is common, what may not be preempted is not therefore on-demand: the
        market is not known.

        Raises:
            ProbeFailed: It does not answer, or not as Google does.
        """
        get = partial(_get, environ, deadline)
        # Serverless containers have a zone and no machine type.
        zone = text_of(get("zone"), ZONE).rpartition("/")[2]
        kind = if_told(self.name, "machine-type", lambda: text_of(get("machine-type"), MACHINE_TYPE))
        tpu = if_told(self.name, "accelerator-type", lambda: text_of(get("attributes/accelerator-type"), TPU))
        scheduling = if_told(self.name, "scheduling", lambda: object_of(get("scheduling/?recursive=true")))
        return Instance.known(
            self.name,
            provider="gcp",
            instance_type=f"tpu-{tpu}" if tpu else kind and kind.rpartition("/")[2],
            market=self._market(scheduling or {}),
            region=zone.rpartition("-")[0],
            zone=zone,
        )

    def notice(self, environ: Mapping[str, str], deadline: float) -> str | None:
        """Return ``preempted`` once the machine is, up to 30 s before it stops.

        https://cloud.google.com/compute/docs/instances/create-use-preemptible#detecting_if_a_vm_was_preempted
        """
        return "preempted" if text_of(_get(environ, deadline, "preempted"), TRUTH) == "TRUE" else None

    def _market(self, scheduling: Mapping[str, Any]) -> Market | None:
        preemptible, model = scheduling.get("preemptible"), scheduling.get("provisioningModel")
        if preemptible == "TRUE":
            return "spot"
        market = MODELS.get(model) if isinstance(model, str) else None
        if model is not None and market is None:
            warn(f"{self.name}: provisioningModel", str(model), f"one of {', '.join(MODELS)}")
        return market


def _get(environ: Mapping[str, str], deadline: float, path: str) -> Answer:
    url = f"{_base(environ)}/computeMetadata/v1/instance/{path}"
    answer = fetch(url, {"Metadata-Flavor": "Google"}, deadline)
    if answer.headers.get("Metadata-Flavor") != "Google":
        raise ProbeFailed("an answer without Google's header")
    return answer


def _base(environ: Mapping[str, str]) -> str:
    host = (environ.get("GCE_METADATA_HOST") or "").strip().removeprefix("http://").rstrip("/")
    name, _, port = host.partition(":")
    return LINK_LOCAL if not host or (name.lower() in OWN_NAMES and port in ("", "80")) else f"http://{host}"
