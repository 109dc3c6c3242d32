"""The settings of a training run, and the ``key=value`` overrides of the command line that make them."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
import yaml

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
PositiveNumber = Annotated[float, msgspec.Meta(gt=0)]
NotNegativeNumber = Annotated[float, msgspec.Meta(ge=0)]

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
"""Numbers such as 1e6, which YAML 1.1, and so PyYAML, takes for text."""


class SettingsError(ValueError):
    """An override of the command line is wrong; the message says what was found and what was expected."""


class TrainerSettings(msgspec.Struct, frozen=True):
    """How long to train, on what, and what to keep.

    Attributes:
        curriculum: What to train on; the thresholds' file is named after the environment in it.
        total_timesteps: Agent steps to train for: one step of one agent is one.
        seed: Where all chance comes from; the same seed gives the same run on the same machine.
        num_envs: How many arenas, of 8 agents each, a process steps together.
        num_threads: Threads that torch may use. A second one saves a quarter of the time where the cores are idle, and
            loses much more where they are not: it waits for the other by spinning.
        checkpoint_dir: Folder of checkpoints; a run's is named after it.
        checkpoint_every_seconds: How often one is written; 0 is after every iteration. There is one at the end.
        resume: Go on from a checkpoint: ``true`` from this run's, if there is one, else from the file that it names.
        performance_thresholds: The thresholds' file; where not given, it is found by the environment's name.
        stop_when_complete: Stop as soon as every threshold is achieved.
    """

    curriculum: str = "/env/mettagrid/arena/basic_easy_shaped"
    total_timesteps: AtLeastOne = 800_000
    seed: Seed = 1
    num_envs: AtLeastOne = 4
    num_threads: AtLeastOne = 1
    checkpoint_dir: str = "train_dir"
    checkpoint_every_seconds: NotNegativeNumber = 30.0
    resume: bool | str = False
    performance_thresholds: str | None = None
    stop_when_complete: bool = False


class PPOSettings(msgspec.Struct, frozen=True):
    """How PPO learns.

    Attributes:
        learning_rate: Step size of Adam.
        num_epochs: How often an update goes over its rollout.
        minibatch_size: Samples to a gradient step.
        discount: What a reward is worth a step later: γ.
        gae_lambda: How far advantages trust rewards over values: λ.
        clip: How far an update may move an action's probability, as a ratio: ε.
        entropy_coefficient: How much a policy is paid for staying undecided.
        value_coefficient: How much the critic's error weighs beside the actor's.
        max_gradient_norm: Where gradients are clipped.
    """

    learning_rate: PositiveNumber = 1e-3
    num_epochs: AtLeastOne = 4
    minibatch_size: AtLeastOne = 800
    discount: Fraction = 0.97
    gae_lambda: Fraction = 0.9
    clip: PositiveNumber = 0.2
    entropy_coefficient: NotNegativeNumber = 0.01
    value_coefficient: NotNegativeNumber = 0.5
    max_gradient_norm: PositiveNumber = 0.5


class WandbSettings(msgspec.Struct, frozen=True):
    """Where Weights & Biases shows the run.

    Attributes:
        enabled: Whether it does at all.
        project: Its project there.
        group: What the run belongs to, such as the seeds of one recipe; Milepost's results bear it too.
    """

    enabled: bool = True
    project: str = "milepost-arena"
    group: str | None = None


class ArenaSettings(msgspec.Struct, frozen=True):
    """All the settings of a training run.

    Attributes:
        run: Name of the run.
        require_thresholds: Exit with status 1 if a threshold is not achieved in the end.
        trainer: How long to train, on what, and what to keep.
        ppo: How PPO learns.
        wandb: Where Weights & Biases shows the run.
    """

    run: str = "arena"
    require_thresholds: bool = False
    trainer: TrainerSettings = TrainerSettings()
    ppo: PPOSettings = PPOSettings()
    wandb: WandbSettings = WandbSettings()


def parse_overrides(arguments: Sequence[str]) -> ArenaSettings:
    """Make settings from the defaults and overrides such as ``trainer.seed=3``.

    Values are YAML scalars. Where text is expected, what is written is what is meant (``run=007``), less quotes; the
    last override of a key counts.

    Raises:
        SettingsError: An argument is no override, names no key, or its value is of the wrong type or out of bounds.
    """
    kinds = {key: kind for key, kind, _ in _keys(ArenaSettings)}
    tree: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals:
            raise SettingsError(f"found {argument!r}, expected key=value, such as trainer.seed=3")
        if key not in kinds:
            raise SettingsError(f"found the key {key!r}, which is unknown{_nearest(key, list(kinds))}")
        *folders, name = key.split(".")
        branch = tree
        for folder in folders:
            branch = branch.setdefault(folder, {})
        branch[name] = _parse_value(key, text, kinds[key])
    settings = msgspec.convert(tree, ArenaSettings)
    if not settings.run.strip() or "/" in settings.run or "\\" in settings.run:
        raise SettingsError(f"run: found {settings.run!r}, expected a name without slashes: checkpoints are named so")
    return settings


def describe_keys() -> str:
    """Return the keys with their defaults, one a line, as ``--help`` shows them."""
    lines = [f"  {key}={msgspec.json.encode(default).decode()}" for key, _, default in _keys(ArenaSettings)]
    return "\n".join(["usage: python -m examples.arena.train [key=value ...]", "", "keys and defaults:", *lines])


def _keys(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the dotted key, the type and the default of each setting."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _keys(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field.type, field.default


def _nearest(key: str, keys: list[str]) -> str:
    """Name the key that was most likely meant: the same name elsewhere, else one that is written much alike."""
    same_name = [each for each in keys if each.rpartition(".")[2] == key.rpartition(".")[2]]
    nearest = same_name or get_close_matches(key, keys, n=1, cutoff=0.5)
    return f"; the nearest known key is {nearest[0]!r}" if nearest else "; --help shows the known ones"


def _parse_value(key: str, text: str, kind: Any) -> Any:
    """Turn what was written into a value of a setting's type."""
    found = _parse_scalar(text)
    try:
        return msgspec.convert(_fitted(found, text, kind), kind)
    except msgspec.ValidationError as error:
        expected = str(error).partition(",")[0].removeprefix("Expected ")
        raise SettingsError(f"{key}: found {text!r} ({_named(found)}), expected {expected}") from error


def _parse_scalar(text: str) -> Any:
    """Read a YAML scalar; what is none, such as ``a: b``, is text."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(value, str):
        return float(value) if NUMBER.fullmatch(value) else value
    return value if value is None or isinstance(value, bool | int | float) else text


def _fitted(value: Any, text: str, kind: Any) -> Any:
    """Read a scalar as the type that is expected would have it, where it can."""
    kinds = getattr(kind, "__args__", (kind,))
    if str in kinds and value is not None and type(value) not in kinds:
        return text
    if int in kinds and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _named(value: Any) -> str:
    return "null" if value is None else type(value).__name__
