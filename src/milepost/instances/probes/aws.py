"""What EC2's instance metadata service tells: type, life cycle, region and zone.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

import re
import time
from collections.abc import Mapping
from typing import ClassVar

from milepost.instances.environment import read, truth, warn
from milepost.instances.metadata import (
    LINK_LOCAL,
    Answer,
    Refused,
    TimedOut,
    fetch,
    fitting,
    if_told,
    object_of,
    text_of,
)
from milepost.instances.probe import Probe, ProbeFailed
from milepost.money.instance import Instance, Market

IPV6 = "http://[fd00:ec2::254]"

MARKETS: dict[str, Market] = {"on-demand": "on_demand", "spot": "spot", "capacity-block": "capacity_block"}
"""Life cycles whose prices are known. Others, such as ``interruptible-capacity-reservation``, are paid for otherwise:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html"""

TOKEN = re.compile(r"[\w+/=.~-]+", re.ASCII)
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
REGION = re.compile(r"[a-z]+(-[a-z]+)+-\d+")
ZONE = re.compile(r"[a-z]+[a-z0-9]*(-[a-z0-9]+)+")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
WORD = re.compile(r"[a-z][a-z0-9-]*")

HOP_LIMIT = (
    "somebody is there, but gives no token in time: in a container on EC2, its answer may not come this far; raise the "
    "hop limit (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2 --instance-id …), or set "
    "MILEPOST_INSTANCE_TYPE, MILEPOST_REGION and MILEPOST_MARKET"
)


class AWSMetadata(Probe):
    """Asks the metadata service by IMDSv2; by IMDSv1, without a token, only where ``MILEPOST_AWS_METADATA_V1`` is true.

    ``AWS_EC2_METADATA_DISABLED``, ``AWS_EC2_METADATA_V1_DISABLED``, ``AWS_EC2_METADATA_SERVICE_ENDPOINT``,
    ``AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`` and ``AWS_IMDS_USE_IPV6`` are read as botocore reads them
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html); AWS's configuration file is not.
    """

    name: ClassVar[str] = "aws metadata"

    def why_not(self, environ: Mapping[str, str]) -> str | None:
        """Say that ``AWS_EC2_METADATA_DISABLED`` forbids it."""
        return "AWS_EC2_METADATA_DISABLED is true" if _is_true(environ, "AWS_EC2_METADATA_DISABLED") else None

    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        """Return type, market, region and zone.

        The zone is told by its id (``use1-az2``) rather than its name (``us-east-1a``), which means another zone in
        every account: catalogs know ids only, and AWS takes either.

        Raises:
            ProbeFailed: It does not answer, or not as EC2 does.
        """
        service = _Service(environ, deadline)
        service.get("instance-id", INSTANCE_ID)  # to be sure that it is EC2
        instance_type = service.get("instance-type", INSTANCE_TYPE)
        cycle = service.get_if_told("instance-life-cycle", WORD)
        if cycle is not None and cycle not in MARKETS:
            warn(f"{self.name}: instance-life-cycle", cycle, f"one of {', '.join(MARKETS)}")
        return Instance.known(
            self.name,
            provider="aws",
            instance_type=instance_type,
            market=MARKETS.get(cycle or ""),
            region=service.get_if_told("placement/region", REGION),
            zone=service.get_if_told("placement/availability-zone-id", ZONE)
            or service.get_if_told("placement/availability-zone", ZONE),
        )

    def notice(self, environ: Mapping[str, str], deadline: float) -> str | None:
        """Return the spot interruption notice, such as ``terminate at 2026-01-01T00:00:00Z``.

        It comes two minutes before, and is not found until then:
        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
        """
        service = _Service(environ, deadline)
        try:
            told = object_of(service.fetch("spot/instance-action"))
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return f"{fitting(told.get('action'), WORD)} at {fitting(told.get('time'), MOMENT)}"


class _Service:
    """A metadata service, and the token that it gave; None by IMDSv1."""

    def __init__(self, environ: Mapping[str, str], deadline: float) -> None:
        self.base = _endpoint(environ).rstrip("/")
        is_asked_for = read(environ, "MILEPOST_AWS_METADATA_V1", truth, "true or false")
        allow_v1 = is_asked_for and not _is_true(environ, "AWS_EC2_METADATA_V1_DISABLED")
        self.deadline = deadline
        self.token: str | None = None
        try:
            # By half of the time, where there is another way to ask.
            now = time.monotonic()
            self.token = self._get_token(now + (deadline - now) / 2 if allow_v1 else deadline)
        except TimedOut as error:
            if not error.connected:
                raise
            if not allow_v1:
                raise ProbeFailed(HOP_LIMIT) from None
        except Refused as error:
            if error.status not in (403, 404, 405) or not allow_v1:
                off = " (on EC2: its metadata service is turned off)" if error.status == 403 else ""
                raise ProbeFailed(f"no token: {error}{off}") from None

    def get(self, path: str, pattern: re.Pattern[str]) -> str:
        """Return what it tells; raises `ProbeFailed` where ``pattern`` does not fit it."""
        return text_of(self.fetch(path), pattern)

    def fetch(self, path: str) -> Answer:
        """Return its answer, with a new token, once, if this one has expired."""
        url = f"{self.base}/latest/meta-data/{path}"
        if self.token is None:
            return fetch(url, {}, self.deadline)
        try:
            return fetch(url, {"X-aws-ec2-metadata-token": self.token}, self.deadline)
        except Refused as error:
            if error.status != 401:
                raise
        self.token = self._get_token(self.deadline)
        return fetch(url, {"X-aws-ec2-metadata-token": self.token}, self.deadline)

    def get_if_told(self, path: str, pattern: re.Pattern[str]) -> str | None:
        """Return what it tells, None where it does not tell that."""
        return if_told(AWSMetadata.name, path, lambda: self.get(path, pattern))

    def _get_token(self, deadline: float) -> str:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": "60", "Content-Length": "0"}
        return text_of(fetch(f"{self.base}/latest/api/token", headers, deadline, method="PUT"), TOKEN)


def _endpoint(environ: Mapping[str, str]) -> str:
    if endpoint := environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        return endpoint
    mode = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
    if not mode:
        mode = "ipv6" if _is_true(environ, "AWS_IMDS_USE_IPV6") else "ipv4"
    if mode.lower() not in ("ipv4", "ipv6"):
        raise ProbeFailed("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither ipv4 nor ipv6")
    return IPV6 if mode.lower() == "ipv6" else LINK_LOCAL


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    """Read a yes or no as botocore does: nothing but ``true`` is yes."""
    return environ.get(name, "").lower() == "true"
