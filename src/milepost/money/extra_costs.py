"""What a run pays for beside compute: disks and egress, each in a line of its own, so that compute stays comparable."""

import math

import msgspec

from milepost.errors import require

HOURS_A_MONTH = 730.0
"""Hours of the month in which GB-months are reckoned: a twelfth of 8,760, as the clouds' own price lists have it
(https://docs.aws.amazon.com/pricing-calculator/latest/userguide/what-is-pricing-calculator.html)."""


class Storage(msgspec.Struct, frozen=True):
    """The run's disks, all nodes together, paid for as long as its machines are up.

    Attributes:
        gb: Gigabytes, as the provider counts them.
        usd_per_gb_month: USD for a gigabyte and month.
    """

    gb: float
    usd_per_gb_month: float

    def __post_init__(self) -> None:
        _require_amounts(self)

    def usd(self, seconds: float) -> float:
        """Return the USD for so many seconds of wall time."""
        return self.gb * self.usd_per_gb_month * seconds / 3600 / HOURS_A_MONTH


class Network(msgspec.Struct, frozen=True):
    """What leaves the provider's network during the run.

    Attributes:
        egress_gb: Gigabytes over the whole run.
        usd_per_gb: USD for a gigabyte.
    """

    egress_gb: float
    usd_per_gb: float

    def __post_init__(self) -> None:
        _require_amounts(self)

    def usd(self) -> float:
        """Return the USD for the whole run."""
        return self.egress_gb * self.usd_per_gb


def _require_amounts(charge: msgspec.Struct) -> None:
    for name in charge.__struct_fields__:
        value = getattr(charge, name)
        require(0 <= value < math.inf, name, value, "0 or above")
