"""The run in Weights & Biases, if it is wanted: wandb is imported here only, and late."""

import netrc
import os
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from examples.arena.settings import ArenaSettings


def start_wandb_run(settings: ArenaSettings, run_id: str | None = None) -> Any | None:
    """Start the run in W&B, charted against samples.

    Args:
        settings: The run's settings.
        run_id: Id of the run in W&B that a checkpoint knows: what is logged from now on joins it.

    Returns:
        What `wandb.init` returns; None where W&B is off.
    """
    if not settings.wandb.enabled:
        return None
    import wandb

    mode = choose_mode()
    offline = "offline" in (mode, os.environ.get("WANDB_MODE"))
    run = wandb.init(
        project=settings.wandb.project,
        group=settings.wandb.group,
        name=settings.run,
        mode=mode,
        dir=os.environ.get("WANDB_DIR") or _folder(settings),
        # An offline run can't be resumed; W&B warns where that is asked for.
        id=None if offline else run_id,
        resume=None if offline or run_id is None else "allow",
        config=msgspec.to_builtins(settings),
        # The live panel draws over itself: captured, each frame of it would be a page of the run's log.
        settings=wandb.Settings(console="off"),
    )
    run.define_metric("samples", hidden=True)
    for pattern in ("env_agent/*", "eval_agent/*", "losses/*", "samples_per_second"):
        run.define_metric(pattern, step_metric="samples")
    return run


def _folder(settings: ArenaSettings) -> str:
    """Return the folder of W&B's files: that of the checkpoints. W&B wants it to be there."""
    os.makedirs(settings.trainer.checkpoint_dir, exist_ok=True)
    return settings.trainer.checkpoint_dir


def choose_mode() -> Literal["offline"] | None:
    """Say how W&B is to run: offline where nobody chose and there is no key, for W&B would stop to ask for one.

    Returns:
        The mode for `wandb.init`; None leaves the choice to W&B, which knows ``WANDB_MODE``.
    """
    if os.environ.get("WANDB_MODE") or os.environ.get("WANDB_API_KEY") or _netrc_has_key():
        return None
    return "offline"


def _netrc_has_key() -> bool:
    """Say whether ``wandb login`` has left a key."""
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname
    file = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        return host is not None and host in netrc.netrc(file).hosts
    except (OSError, netrc.NetrcParseError):
        return False
