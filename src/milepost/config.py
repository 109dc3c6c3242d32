"""The configuration file: YAML to thresholds and settings, and back."""

import math
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from milepost.errors import ConfigError, nearest, require
from milepost.log import logger
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Commitment, Instance, Market
from milepost.tracking.thresholds import PerformanceThreshold, require_unique_names

S = TypeVar("S", bound=msgspec.Struct)

FOLDER = Path("configs") / "performance_thresholds"
"""Where the thresholds of an environment are looked for, below the working directory."""


class _Section(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the file: unknown keys are an error, and what is left at its default is not written back."""


class AwsDefaults(_Section, frozen=True):
    """``aws``: what a node is taken for where nothing else tells.

    Attributes:
        instance_type: An EC2 instance type.
        use_spot: Whether it is a spot instance.
    """

    instance_type: str | None = None
    use_spot: bool | None = None


class InstanceSettings(_Section, frozen=True):
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
        return _read(dict(fields), cls, "instance")

    def to_instance(self, source: str = "instance:") -> Instance:
        """Return the fields that are given, but for a share that is to be worked out."""
        given = msgspec.structs.asdict(self)
        for name in Commitment.__struct_fields__:
            del given[name]
        given["share"] = self.share if isinstance(self.share, int | float) else None
        return Instance.known(source, **given, commitment=Commitment(**self._promised) if self._promised else None)

    @property
    def _promised(self) -> dict[str, Any]:
        """What is given of a commitment."""
        fields = {name: getattr(self, name) for name in Commitment.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not None}


class PriceSettings(_Section, frozen=True):
    """``prices``: where prices come from.

    Attributes:
        price_per_hour: USD an hour of one node: wins over every other source.
        table: CSV file of the user's own prices.
        sources: Names of the sources to ask, in that order; all in their usual order where not given.
        discount: Part taken off looked-up prices, such as 0.1.
        strict_pricing: An instance whose price is not known has no price, instead of an assumed one.
        storage: Disks.
        network: Egress.
    """

    price_per_hour: float | None = None
    table: str | None = None
    sources: tuple[str, ...] | None = None
    discount: float = 0.0
    strict_pricing: bool = False
    storage: Storage | None = None
    network: Network | None = None

    def __post_init__(self) -> None:
        fits = self.price_per_hour is None or 0 <= self.price_per_hour < math.inf
        require(fits, "price_per_hour", self.price_per_hour, "USD an hour, 0 or above")
        require(0 <= self.discount < 1, "discount", self.discount, "from 0 up to, and not including, 1")


class Budget(_Section, frozen=True):
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


class Alerts(_Section, frozen=True):
    """``alerts``: whom to tell of what.

    Attributes:
        urls: Where to; ``env:NAME`` stands for what that variable holds.
        on: Which events.
    """

    urls: tuple[str, ...] = ()
    on: tuple[Literal["achieved", "budget", "preempted"], ...] = ("achieved", "budget", "preempted")


class Config(_Section, frozen=True):
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
    sinks: tuple[str, ...] | None = None
    budget: Budget | None = None
    alerts: Alerts | None = None

    def __post_init__(self) -> None:
        require_unique_names(self.thresholds)
        require(0 < self.heartbeat_seconds < math.inf, "heartbeat_seconds", self.heartbeat_seconds, "above 0")

    @classmethod
    def loads(cls, text: str, *, file: str = "configuration") -> "Config":
        """Read a configuration from YAML text.

        Args:
            text: YAML.
            file: What to call it in errors.

        Raises:
            ConfigError: It is not valid; says file, key path, what was found and what was expected.
        """
        try:
            data = yaml.load(text, _Loader)
        except RecursionError:
            raise ConfigError(f"{file}: found lists or mappings nested too deeply, expected a configuration") from None
        except (yaml.YAMLError, ValueError) as error:
            # Where, and what is wrong with it, but not the line: it may hold the URL of an alert or a store.
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            problem = getattr(error, "problem", None) or "found a date or a number that cannot be"
            raise ConfigError(f"{file}: expected YAML, {problem}{where}") from None
        if data is None:
            raise ConfigError(
                f"{file}: found nothing in it, expected a mapping with the key 'thresholds', as `milepost init` writes"
            )
        if not isinstance(data, dict):
            raise ConfigError(f"{file}: found {_shown(data)}, expected a mapping with the key 'thresholds'")
        for key in ("prices", "store"):
            if data.get(key) is False:  # YAML 1.1 reads `off` as false
                data[key] = "off"
        return _read(data, cls, file)

    def dumps(self) -> str:
        """Write it as YAML that `loads` reads back to an equal configuration."""
        data = msgspec.to_builtins(self)
        return yaml.dump(data, Dumper=_Dumper, sort_keys=False)


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


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: keys are text, even ``on``; ``1e6`` is a number; a key given twice is an error.

    So is what YAML 1.1 silently takes for another number than it looks: ``010`` for 8, ``2:30`` for 150
    (https://yaml.org/type/int.html, https://yaml.org/type/float.html).
    """

    def construct_plain_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number that is what it looks like, such as 10, 0x10 or 1.5."""
        digits = node.value.lstrip("+-")
        base = "60" if ":" in digits else "8" if re.fullmatch(r"0[0-7_]+", digits) else None
        if base is not None:
            plain = ("-" if node.value.startswith("-") else "") + (digits.replace("_", "").lstrip("0") or "0")
            hint = "in one unit" if base == "60" else f"plainly, as {plain}"
            problem = (
                f"found {node.value}, which YAML reads in base {base}: "
                f"expected a number written {hint}, or text in quotes, as {node.value!r}"
            )
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        is_whole = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if is_whole else self.construct_yaml_float(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "found a key that is no text", key_node.start_mark)
            key = key_node.value
            if key in mapping:
                problem = f"found the key {key!r} twice, expected it once"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads: text that looks like a number is quoted."""


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_plain_number)

for _reader_or_writer in (_Loader, _Dumper):
    _reader_or_writer.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
    )


def _read(data: dict[str, Any], kind: type[S], name: str) -> S:
    """Turn a mapping into a section.

    Raises:
        ConfigError: It is not valid; says in what, where, what was found and what was expected.
    """
    try:
        _check(data, kind, "")
        return msgspec.convert(data, kind, strict=True)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_explained(error, data, kind)}") from error


def _check(data: Any, kind: Any, path: str) -> None:
    """Raise `ConfigError` for the first unknown key at or below ``path``, and for what a section says of itself."""
    options = _options(kind)
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if isinstance(data, str) and words and str not in options and data not in words:
        hint = nearest(data, words, cutoff=0.4, shown=repr)
        raise ConfigError(f"{path}: found {_shown(data)}, expected {_named(options)}{hint}")
    for option in options:
        if get_origin(option) is tuple and isinstance(data, list):
            for index, each in enumerate(data):
                _check(each, get_args(option)[0], f"{path}[{index}]")
        elif isinstance(data, dict) and isinstance(option, type) and issubclass(option, msgspec.Struct):
            _check_keys(data, option, path)


def _check_keys(data: dict[str, Any], kind: type[msgspec.Struct], path: str) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key, value in data.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in fields:
            hint = nearest(str(key), fields, cutoff=0.4, shown=repr).replace("nearest", "nearest known key", 1)
            hint = hint or f"; known keys: {', '.join(fields)}"
            raise ConfigError(f"{where}: found an unknown key{hint}")
        _check(value, fields[key].type, where)
    for name, field in fields.items():
        if field.required and name not in data:
            raise ConfigError(f"{path}{': ' if path else ''}expected the key {name!r}, found none")
    if kind is PerformanceThreshold and data.get("half_life") is not None and "smoothing_factor" in data:
        raise ConfigError(f"{path}: found both smoothing_factor and half_life, expected one of them")


def _options(kind: Any) -> tuple[Any, ...]:
    """Return the types that a union is made of."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _named(options: tuple[Any, ...]) -> str:
    """Name what is expected as a person would."""
    names = []
    for option in options:
        if get_origin(option) is Literal:
            names += [repr(word) for word in get_args(option)]
        elif get_origin(option) is tuple:
            names.append("a list")
        elif option is not NoneType:
            names.append(_NAMES.get(option, "a mapping"))
    return " or ".join(names)


_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _explained(error: msgspec.ValidationError, data: Any, root: Any) -> str:
    """Say of msgspec's error where it is, what was found there and what was expected."""
    path = str(error).partition(" - at `$")[2].rstrip("`").lstrip(".")
    if isinstance(error.__cause__, ConfigError):  # a section that looked at its own fields
        return f"{path}.{error.__cause__}" if path else str(error.__cause__)
    found: Any = data
    kind: Any = root
    for step in re.findall(r"\w+", path):
        options = _options(kind)
        if isinstance(found, list):
            found = found[int(step)]
            kind = next(get_args(option)[0] for option in options if get_origin(option) is tuple)
        else:
            found = found[step]
            struct = next(each for each in options if isinstance(each, type) and issubclass(each, msgspec.Struct))
            kind = next(field.type for field in msgspec.structs.fields(struct) if field.name == step)
    return f"{path or 'the file'}: found {_shown(found)}, expected {_named(_options(kind))}"


def _shown(value: Any) -> str:
    text = re.sub(r"://[^\s'\"]+", "://…", repr(value))  # a URL may hold a password or a token
    return text if len(text) <= 80 else text[:77] + "..."
