"""The configuration file: YAML to thresholds and settings, and back."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import asdict

from milepost.config_checks import Section, parse_duration, read_section, shown
from milepost.errors import ConfigError, nearest, require
from milepost.log import logger
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Commitment, Instance, Market
from milepost.tracking.thresholds import PerformanceThreshold, require_unique_names

FOLDER = Path("configs") / "performance_thresholds"
"""Where the thresholds of an environment are looked for, below the working directory."""


PART = "from 0 up to, and not including, 1"
"""What a discount is expected to be."""


class AwsDefaults(Section, frozen=True):
    """``aws``: what a node is taken for where nothing else tells.

    Attributes:
        instance_type: An EC2 instance type.
        use_spot: Whether it is a spot instance.
    """

    instance_type: str | None = None
    use_spot: bool | None = None


class InstanceSettings(Section, frozen=True):
    """``instance``: what a node is; wins over what is detected.

    Attributes:
        provider: ``aws``, ``gcp``, ``azure``, ``lambda`` and so on.
        instance_type: The provider's name for it.
        region: The provider's region.
        zone: The provider's zone.
        market: How it is paid for.
        term: Of a reserved one: how long it is paid for.
        offering_class: Of a reserved one: whether it may be exchanged.
        payment: Of a reserved one: how much is paid at its start.
        num_nodes: Nodes in the fleet.
        share: Part of each node that the run is charged for; ``gpus``: visible GPUs over the instance's.
    """

    provider: str | None = None
    instance_type: str | None = None
    region: str | None = None
    zone: str | None = None
    market: Market | None = None
    term: Literal["1yr", "3yr"] | None = None
    offering_class: Literal["standard", "convertible"] | None = None
    payment: Literal["no_upfront", "partial_upfront", "all_upfront"] | None = None
    num_nodes: int | None = None
    share: float | Literal["gpus"] | None = None

    def __post_init__(self) -> None:
        require(self.num_nodes is None or self.num_nodes >= 1, "num_nodes", self.num_nodes, "1 or more")
        share_fits = not isinstance(self.share, int | float) or 0 < self.share <= 1
        require(share_fits, "share", self.share, "above 0 and up to 1, or 'gpus'")
        if self._promised:
            require(self.market == "reserved", "market", self.market, "reserved, since a commitment is given")

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> "InstanceSettings":
        """Read them from a mapping, as the file has it.

        Raises:
            ConfigError: A key or a value is wrong.
        """
        return read_section(dict(fields), cls, "instance")

    def to_instance(self, source: str = "instance:") -> Instance:
        """Return the fields that are given, but for a share that is to be worked out."""
        given = {name: value for name, value in asdict(self).items() if name not in Commitment.__struct_fields__}
        given["share"] = None if self.share == "gpus" else self.share
        return Instance.known(source, **given, commitment=Commitment(**self._promised) if self._promised else None)

    @property
    def _promised(self) -> dict[str, Any]:
        """What is given of a commitment."""
        fields = asdict(self)
        return {name: fields[name] for name in Commitment.__struct_fields__ if fields[name] is not None}


class Rate(Section, frozen=True):
    """``prices.rates``: what its user has agreed on, such as a Compute Savings Plan or a committed-use discount.

    Attributes:
        name: What it is shown as.
        provider: Whose machines it is for; all where not given.
        machines: A type, or how a family's types begin, such as ``p5`` or ``a2-highgpu``; all where not given.
        region: The provider's region; all where not given.
        usd_per_hour: USD an hour of one machine at this rate.
        discount: In place of it, the part that it takes off the on-demand price.

    Raises:
        ConfigError: Not exactly one of ``usd_per_hour`` and ``discount`` is given, or it is out of its range.
    """

    name: str
    provider: str | None = None
    machines: str | None = None
    region: str | None = None
    usd_per_hour: float | None = None
    discount: float | None = None

    def __post_init__(self) -> None:
        both = (self.usd_per_hour is None) is (self.discount is None)
        require(not both, "usd_per_hour", self.usd_per_hour, "either it or discount")
        fits = self.usd_per_hour is None or 0 <= self.usd_per_hour < math.inf
        require(fits, "usd_per_hour", self.usd_per_hour, "USD an hour, 0 or above")
        require(self.discount is None or 0 <= self.discount < 1, "discount", self.discount, PART)
        require(bool(self.name.strip()), "name", self.name, "a name to show")


class PriceSettings(Section, frozen=True):
    """``prices``: where prices come from.

    Attributes:
        price_per_hour: USD an hour of one node: wins over every other source.
        table: CSV file of the user's own prices.
        sources: Names of the sources to ask, in that order; all in their usual order where not given.
        discount: Part taken off looked-up prices, such as 0.1; or such a part for each provider, family or type.
        rates: Rates that its user has agreed on, by name: for on-demand machines, before every other price but
            ``price_per_hour`` and ``table``.
        strict_pricing: An instance whose price is not known has no price, instead of an assumed one.
        storage: Disks.
        network: Egress.
    """

    price_per_hour: float | None = None
    table: str | None = None
    sources: tuple[str, ...] | None = None
    discount: float | dict[str, float] = 0.0
    rates: tuple[Rate, ...] = ()
    strict_pricing: bool = False
    storage: Storage | None = None
    network: Network | None = None

    def __post_init__(self) -> None:
        fits = self.price_per_hour is None or 0 <= self.price_per_hour < math.inf
        require(fits, "price_per_hour", self.price_per_hour, "USD an hour, 0 or above")
        parts = self.discount.items() if isinstance(self.discount, dict) else [("", self.discount)]
        for of, part in parts:
            require(0 <= part < 1, f"discount.{of}" if of else "discount", part, PART)


class Budget(Section, frozen=True):
    """``budget``: how much the run may cost, and what happens then.

    Attributes:
        usd: USD.
        warn_at: Parts of it at which to warn.
        on_exceed: What to do when it is spent.

    Raises:
        ConfigError: ``usd`` or a part in ``warn_at`` is out of its range.
    """

    usd: float
    warn_at: tuple[float, ...] = ()
    on_exceed: Literal["warn", "stop"] = "warn"

    def __post_init__(self) -> None:
        require(0 <= self.usd < math.inf, "usd", self.usd, "a finite number of USD, 0 or above")
        for part in self.warn_at:
            require(0 <= part <= 1, "warn_at", part, "parts of the budget, from 0 to 1, such as 0.8")


class Alerts(Section, frozen=True):
    """``alerts``: whom to tell of what.

    Attributes:
        urls: Where to; ``env:NAME`` stands for what that variable holds.
        on: Which events.
    """

    urls: tuple[str, ...] = ()
    on: tuple[Literal["achieved", "budget", "preempted"], ...] = ("achieved", "budget", "preempted")


class Config(Section, frozen=True):
    """A configuration file.

    Attributes:
        thresholds: What is to be reached; names are unique.
        environment_type: Name of the environment that it is for, such as ``arena``.
        aws: What a node is taken for where nothing else tells.
        instance: What a node is; wins over what is detected.
        prices: Where prices come from; ``off`` makes every cost None.
        billed_from: Whether billed cost counts from the process's start or the machine's.
        store: Path or URL of the store; ``off`` keeps nothing.
        heartbeat_seconds: How often the ledger is marked while the run goes on.
        gap: How long a hole between two updates must be to be left out, such as ``10m``; none is where not given.
        samples_per_step: How many samples a step is: what the trainer tells, or a log that counts steps, times this.
        sinks: Where results are shown.
        budget: How much the run may cost.
        alerts: Whom to tell of what.
    """

    thresholds: tuple[PerformanceThreshold, ...]
    environment_type: str | None = None
    aws: AwsDefaults = AwsDefaults()
    instance: InstanceSettings = InstanceSettings()
    prices: PriceSettings | Literal["off"] = PriceSettings()
    billed_from: Literal["process", "instance"] = "process"
    store: str | None = None
    heartbeat_seconds: float = 15.0
    gap: str | None = None
    samples_per_step: int | None = None
    sinks: tuple[str, ...] | None = None
    budget: Budget | None = None
    alerts: Alerts | None = None

    def __post_init__(self) -> None:
        require_unique_names(self.thresholds)
        require(0 < self.heartbeat_seconds < math.inf, "heartbeat_seconds", self.heartbeat_seconds, "above 0")
        per_step = self.samples_per_step
        require(per_step is None or per_step >= 1, "samples_per_step", per_step, "a whole number, 1 or more")
        _ = self.gap_seconds

    @property
    def gap_seconds(self) -> float:
        """Seconds of a hole that is left out; infinite where none is."""
        return math.inf if self.gap is None else parse_duration(self.gap, "gap")

    @classmethod
    def loads(cls, text: str, *, file: str = "configuration") -> "Config":
        """Read a configuration from YAML text.

        Args:
            text: YAML.
            file: What to call it in errors.

        Raises:
            ConfigError: It is not valid; says file, key path, what was found and what was expected.
        """
        from milepost.yaml_dialect import read_yaml

        data = read_yaml(text, file)
        if data is None:
            raise ConfigError(
                f"{file}: found nothing in it, expected a mapping with the key 'thresholds', as `milepost init` writes"
            )
        if not isinstance(data, dict):
            raise ConfigError(f"{file}: found {shown(data)}, expected a mapping with the key 'thresholds'")
        for key in ("prices", "store"):
            if data.get(key) is False:  # YAML 1.1 reads `off` as false
                data[key] = "off"
        return read_section(data, cls, file)

    def dumps(self) -> str:
        """Write it as YAML that `loads` reads back to an equal configuration."""
        from milepost.yaml_dialect import write_yaml

        return write_yaml(msgspec.to_builtins(self))


def load_performance_thresholds(path: str | Path, *, strict: bool = False) -> Config:
    """Load a configuration.

    Args:
        path: A file (``arena.yaml``), which has to be right since its user named it; or the name of an environment
            (``arena``) or a curriculum's path (``/env/mettagrid/arena/basic``), whose file is looked for in
            ``configs/performance_thresholds``. If that is missing or wrong, there is a warning, and the default
            arena thresholds take its place.
        strict: Raise in the second case too.

    Raises:
        ConfigError: Says file, key path, what was found, what was expected, and the nearest known key.
    """
    if names_a_file(path):
        return _load_file(Path(path))
    environment = environment_from_curriculum(str(path))
    found = FOLDER / f"{environment}.yaml"
    try:
        return _load_file(found)
    except ConfigError as error:
        if strict:
            raise
        logger("config").warning("%s; the default arena thresholds take its place", error)
        return Config(thresholds=tuple(get_default_arena_thresholds()), environment_type="arena")


def names_a_file(path: str | Path) -> bool:
    """Say whether a configuration is named by its file, and not by its environment."""
    return Path(path).suffix in (".yaml", ".yml") or Path(path).is_file()


def environment_from_curriculum(path: str) -> str:
    """Return the environment that a curriculum's path names: ``/env/mettagrid/arena/basic`` is ``arena``.

    It is what follows ``mettagrid`` in the path, or else what follows a leading ``env``, or else the first part.

    Raises:
        ConfigError: The path names nothing.
    """
    parts = [part for part in path.split("/") if part]
    if "mettagrid" in parts:
        parts = parts[parts.index("mettagrid") + 1 :]
    elif parts[:1] == ["env"]:
        parts = parts[1:]
    if not parts or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", parts[0]):
        raise ConfigError(f"curriculum: found {path!r}, expected a path such as '/env/mettagrid/arena/basic'")
    return parts[0]


def get_default_arena_thresholds() -> list[PerformanceThreshold]:
    """Return the arena's thresholds: 2 and 5 hearts gained per agent and episode."""
    metric = "env_agent/heart.gained"
    return [PerformanceThreshold(f"heart_gained_{hearts}", metric, float(hearts)) for hearts in (2, 5)]


def _load_file(file: Path) -> Config:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        names = [each.name for each in file.parent.glob("*.y*ml")]
        hint = nearest(file.name, names, shown=lambda name: str(file.parent / name))
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{file}: expected a readable YAML file, found: {reason}{hint}") from error
    return Config.loads(text, file=str(file))
