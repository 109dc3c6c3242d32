"""What somebody wants launched, as the command line says it."""

import re
from difflib import get_close_matches

import msgspec

from milepost.errors import ConfigError, require

CPUS = re.compile(r"\d+(\.\d+)?\+?")
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be launched. What is None is as the task's template has it.

    Attributes:
        task: Name of a template, or its path.
        arguments: The training script's own ``key=value``, untouched.
        nodes: Nodes of one run.
        gpus: GPUs of one node; 0 is a CPU machine.
        gpu: Models of GPU, any of which will do, such as ``A10G``, or with their number ``A10G:4``.
        instance_type: The provider's name of a machine, in place of GPUs.
        cloud: The provider.
        regions: Regions, any of which will do.
        spot: Whether on spot machines, as a managed job that SkyPilot recovers.
        cpus: Virtual CPUs of one node, such as ``8`` or ``8+``.
        max_usd_per_hour: What all nodes of one run together may cost an hour, in USD.
        max_runtime_seconds: How long a run may take from its first start on, recoveries included.
        config: The thresholds' file, below the working directory of the task.
        envs: Variables of the task, ``K=V``.
        secrets: Names of variables of this process that the task gets as secrets.
        image: Image of the machines, or ``docker:…``.
        workdir: Folder that is copied to the machines, or a git repository's URL.
        git_ref: Branch, tag or commit that the machines check out in place of a copy.
        copies: Runs of the same that differ by their seed.
        seed: Seed of the first of them.
        group: What the runs belong to.
        bucket: Bucket of the checkpoints.

    Raises:
        ConfigError: A value is out of its range, or two exclude each other.
    """

    task: str
    arguments: tuple[str, ...] = ()
    nodes: int | None = None
    gpus: int | None = None
    gpu: tuple[str, ...] = ()
    instance_type: str | None = None
    cloud: str | None = None
    regions: tuple[str, ...] = ()
    spot: bool | None = None
    cpus: str | None = None
    max_usd_per_hour: float | None = None
    max_runtime_seconds: int | None = None
    config: str | None = None
    envs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    image: str | None = None
    workdir: str | None = None
    git_ref: str | None = None
    copies: int = 1
    seed: int = 1
    group: str | None = None
    bucket: str | None = None

    def __post_init__(self) -> None:
        # As where a shell's variable is not set: what was meant is not known, and the default may be dear.
        for option in ("instance_type", "cloud", "cpus", "config", "image", "workdir", "git_ref", "group", "bucket"):
            value = getattr(self, option)
            require(value is None or bool(value.strip()), f"--{option.replace('_', '-')}", value, "a value")
        require(
            self.bucket is None or BUCKET.fullmatch(self.bucket) is not None,
            "--bucket",
            self.bucket,
            "a bucket's name, such as my-checkpoints: 3 to 63 small letters, digits and '-'",
        )
        has_gpus = bool(self.gpu) or self.gpus is not None
        fits = self.instance_type is None or not has_gpus
        require(fits, "--instance-type", self.instance_type, "either it or --gpu and --gpus")
        require(not (self.gpu and self.gpus == 0), "--gpus", self.gpus, "1 or more beside --gpu")
        require(
            self.cpus is None or CPUS.fullmatch(self.cpus) is not None,
            "--cpus",
            self.cpus,
            "such as 8, or 8+ for at least 8",
        )
        for each in self.envs:
            name, equals, _ = each.partition("=")
            require(bool(equals) and NAME.fullmatch(name) is not None, "--env", name, "NAME=VALUE")
        for each in self.secrets:
            name, equals, _ = each.partition("=")
            require(
                not equals and NAME.fullmatch(name) is not None,
                "--secret",
                name,
                "the name of a variable that is set here: on the command line, others could read its value",
            )
        for each in self.arguments:
            require(
                re.match(r"[^=\s]+=", each) is not None,
                "launch",
                each,
                "key=value for the training script after the TASK; options of the launcher's begin with --",
            )
        if self.copies > 1 and self.gives_seed:
            raise ConfigError("seed: found it as key=value beside --copies, expected --seed N: copies count on from N")

    @property
    def _keys(self) -> list[str]:
        return [each.partition("=")[0] for each in self.arguments]

    @property
    def gives_seed(self) -> bool:
        """Whether a ``key=value`` gives the training script its seed, such as ``trainer.seed=3``."""
        return any(key.rpartition(".")[2] == "seed" for key in self._keys)

    @property
    def name(self) -> str:
        """What people call the run: the last ``run=``, else the task's name.

        Raises:
            ConfigError: There is none, and a key that looks like it.
        """
        values = [each.partition("=")[2] for each in self.arguments if each.startswith("run=")]
        if values:
            require(bool(values[-1].strip()), "run", values[-1], "a name")
            return values[-1]
        undotted = [key for key in self._keys if "." not in key]
        if misspelt := get_close_matches("run", undotted, n=1, cutoff=0.6):
            raise ConfigError(f"{misspelt[0]}: found no such key of the launcher's, nearest: run (run=NAME)")
        return re.split(r"[/\\]", self.task)[-1].removesuffix(".yaml").removesuffix(".yml")
