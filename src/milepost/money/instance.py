"""What a node is, field by field, and where each field is known from."""

from typing import Any, Literal

import msgspec

from milepost.errors import require

Market = Literal["on_demand", "spot", "reserved", "capacity_block"]
MARKETS: tuple[Market, ...] = ("on_demand", "spot", "reserved", "capacity_block")

SAME_GPUS = 0.01
"""Parts of a GPU are written rounded: Azure's sixth of an A10 is 0.167 in SkyPilot's catalog, which takes numbers that
are so near for the same (``get_instance_type_for_accelerator_impl`` of ``sky/catalog/common.py``, version 0.14)."""


class Commitment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was promised to a provider for a reserved instance; the words are AWS's.

    Attributes:
        term: How long it is paid for, used or not.
        offering_class: Whether it may be exchanged.
        payment: How much of it is paid at its start.
    """

    term: Literal["1yr", "3yr"] = "1yr"
    offering_class: Literal["standard", "convertible"] = "standard"
    payment: Literal["no_upfront", "partial_upfront", "all_upfront"] = "no_upfront"


class Instance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One node of the machine a run is on; ``num_nodes`` of them make the fleet.

    Every field may be None, which means unknown: a source of facts fills in what it knows, and
    `completed_by` puts several sources together.

    Attributes:
        provider: ``aws``, ``gcp``, ``azure``, ``lambda`` and so on, lower case.
        instance_type: The provider's own name for it, such as ``g5.4xlarge``.
        region: The provider's region, such as ``us-east-1``.
        zone: The provider's zone inside that region.
        market: How it is paid for. What is not known to be spot is not therefore on-demand.
        commitment: Of a reserved one: what was promised for it.
        gpus: GPUs in one node; 0 on a CPU machine, and a fraction where it has a part of one, such as 0.125.
        gpu: Model of those GPUs, such as ``A10G``.
        num_nodes: Nodes in the fleet.
        share: Part of each node that the run is charged for, above 0 and up to 1.
        assumed_because: What of its number, or of its share, was taken for something that nobody told, in a sentence.
        sources: For each known field, where it came from, such as ``SKYPILOT_USE_SPOT``.

    Raises:
        ConfigError: ``num_nodes`` or ``share`` is out of its range.
    """

    provider: str | None = None
    instance_type: str | None = None
    region: str | None = None
    zone: str | None = None
    market: Market | None = None
    commitment: Commitment | None = None
    gpus: int | float | None = None
    gpu: str | None = None
    num_nodes: int | None = None
    share: float | None = None
    assumed_because: str | None = None
    sources: dict[str, str] = {}

    def __post_init__(self) -> None:
        require(self.num_nodes is None or self.num_nodes >= 1, "num_nodes", self.num_nodes, "1 or more")
        require(self.share is None or 0 < self.share <= 1, "share", self.share, "above 0 and up to 1")

    @classmethod
    def known(cls, source: str | dict[str, str], /, **fields: Any) -> "Instance":
        """Return an instance of those ``fields`` that are not None, each marked as coming from ``source``.

        ``source`` is one name for all fields, or a mapping from field to name.
        """
        known = {name: value for name, value in fields.items() if value is not None}
        sources = {name: source if isinstance(source, str) else source[name] for name in known}
        return cls(**known, sources=sources)

    def completed_by(self, other: "Instance") -> "Instance":
        """Return this instance with what it does not know filled in from ``other``."""
        gained = {
            name: value
            for name in FIELDS
            if getattr(self, name) is None and (value := getattr(other, name)) is not None
        }
        sources = {name: other.sources[name] for name in gained if name in other.sources}
        return msgspec.structs.replace(self, **gained, sources=self.sources | sources)

    def is_users(self, field: str) -> bool:
        """Say whether its user named a field: in a call, a flag, the configuration or a ``MILEPOST_`` variable.

        Where nothing says where it came from, whoever asks has named it.
        """
        source = self.sources.get(field)
        return source in USERS_WORDS or (source or "").startswith("MILEPOST_")

    def same_fleet(self, other: "Instance") -> bool:
        """Say whether both are the same fleet, wherever that is known from."""
        return all(getattr(self, name) == getattr(other, name) for name in FIELDS)

    @property
    def nodes_charged(self) -> float:
        """Nodes that are paid for: ``num_nodes`` times ``share``, each 1 where unknown."""
        return (1 if self.num_nodes is None else self.num_nodes) * (1.0 if self.share is None else self.share)


def same_gpus(left: float | None, right: float | None) -> bool:
    """Say whether two numbers of GPUs are the same, as nearly as parts of a GPU are written."""
    return left == right or (left is not None and right is not None and abs(left - right) <= SAME_GPUS)


USERS_WORDS = (None, "argument", "flag", "instance=", "instance:", "aws:", "reprice")
"""Sources of a field that are the words of its user."""

FIELDS: tuple[str, ...] = tuple(name for name in Instance.__struct_fields__ if name != "sources")

DEFAULT_INSTANCE = Instance.known(
    "default", provider="aws", instance_type="g5.4xlarge", market="on_demand", num_nodes=1, share=1.0
)
"""What a node is taken for where nothing tells."""
