"""The trainer: gathers, learns, and tells Milepost about it."""

import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import torch

import milepost
from examples.arena.checkpoint import VERSION, Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from examples.arena.environment import EPISODE_STEPS, ArenaVectorEnvironment
from examples.arena.policy import ActorCritic
from examples.arena.ppo import Rollout, update_policy
from examples.arena.ranks import Ranks
from examples.arena.settings import ArenaSettings, SettingsError
from examples.arena.wandb_run import start_wandb_run
from milepost.report.live_panel import LivePanel

HEARTS_METRIC = "heart.gained"
EVALUATION_SEED_OFFSET = 1_000_000
"""What tells the evaluation's maps from those that were trained on."""

RANK_SEED_OFFSET = 10_000_000
"""What tells the chance of one process from that of the next."""


class ArenaTrainer:
    """Trains agents in the arena by PPO, with a tracked run attached.

        with ArenaTrainer(settings) as trainer:
            trainer.train()

    An iteration is one episode of every arena and one update, so that a checkpoint never holds half an episode: a
    resumed run goes on bit for bit as it would have. Under ``torchrun`` every process plays its own arenas, and all
    learn one policy from them.

    Args:
        settings: The run's settings.
        ranks: The processes that train together; this one alone where not given.

    Attributes:
        tracked_run: What Milepost knows of the run.
        agent_steps: Samples so far.
        evaluated: What the last evaluation gave, by name.
        stop_signal: The signal that ended training before its time, if one did.

    Raises:
        SettingsError: The curriculum is not of the arena.
        CheckpointError: The checkpoint to resume from is missing, broken, or of another run.
        milepost.errors.ConfigError: The thresholds' file that the settings name is wrong.
        milepost.errors.MissingExtra: W&B is wanted and not installed.
    """

    tracked_run: milepost.TrackedRun

    def __init__(self, settings: ArenaSettings, ranks: Ranks | None = None) -> None:
        self.settings = settings
        self._ranks = ranks or Ranks()
        self.agent_steps = 0
        self.evaluated: dict[str, float] = {}
        self.stop_signal: int | None = None
        environment = milepost.environment_from_curriculum(settings.trainer.curriculum)
        if environment != "arena":
            raise SettingsError(
                f"trainer.curriculum: found {environment!r}, expected 'arena': this example has no other"
            )
        torch.set_num_threads(settings.trainer.num_threads)
        torch.manual_seed(settings.trainer.seed)
        rank, seed, num_envs = self._ranks.rank, settings.trainer.seed, settings.trainer.num_envs
        self._generator = torch.Generator().manual_seed(seed + RANK_SEED_OFFSET * rank)
        self._environment = ArenaVectorEnvironment(num_envs, seed, first_env=rank * num_envs)
        self._policy = ActorCritic(
            self._environment.encoder.image_shape,
            self._environment.encoder.num_scalars,
            self._environment.num_actions,
        )
        # Adam's own ε of 1e-8 lets steps explode where gradients nearly vanish; PPO is run with a larger one.
        self._optimizer = torch.optim.Adam(self._policy.parameters(), lr=settings.ppo.learning_rate, eps=1e-5)
        self._wandb_run_id: str | None = None
        self._wandb_run: Any | None = None
        resume_path = self._resume_path()
        checkpoint = None if resume_path is None else self._read_checkpoint(resume_path)
        self._init_performance_threshold_tracker(checkpoint)
        if checkpoint is not None:
            self._load_checkpoint(checkpoint)
        # Last, so that no run is left there by settings that are wrong; waiting for W&B is no training.
        if rank == 0:
            with self.tracked_run.phase("setup"):
                self._wandb_run = start_wandb_run(settings, self._wandb_run_id)
        self._observations = torch.from_numpy(self._environment.reset())

    def __enter__(self) -> "ArenaTrainer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("closed" if kind is None else "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    @property
    def checkpoint_path(self) -> Path:
        """Where this run's checkpoint is."""
        return Path(self.settings.trainer.checkpoint_dir) / f"{self.settings.run}.pt"

    def train(self) -> None:
        """Train until the budget of samples is used up, every threshold is achieved (if so set), or a stop is asked.

        Ends with an evaluation, unless it was stopped, and with a checkpoint. A KeyboardInterrupt stops it within an
        iteration, which then doesn't count: a resume plays it again.
        """
        saved_seconds = time.monotonic()
        try:
            with LivePanel(self.tracked_run, total_samples=self.settings.trainer.total_timesteps) as panel:
                while not self._is_finished():
                    metrics = self._iterate()
                    self._report(metrics)
                    panel.refresh(
                        {
                            "hearts": metrics[f"env_agent/{HEARTS_METRIC}"],
                            "entropy": metrics["losses/entropy"],
                            "samples/s": metrics["samples_per_second"],
                        }
                    )
                    is_due = time.monotonic() - saved_seconds >= self.settings.trainer.checkpoint_every_seconds
                    if any(self._ranks.highest(is_due and self._ranks.rank == 0)):
                        self.save_checkpoint()
                        saved_seconds = time.monotonic()
            if self.stop_signal is None and self._ranks.rank == 0:
                self.evaluate()
        except KeyboardInterrupt:
            self.request_stop(signal.SIGINT)
        self.save_checkpoint()

    def request_stop(self, signal_number: int) -> None:
        """Have training end after the iteration that is under way."""
        self.stop_signal = signal_number

    def evaluate(self) -> None:
        """Let the policy play an episode of every arena on maps it has not trained on; the training timer stands."""
        seed = self.settings.trainer.seed
        generator = torch.Generator().manual_seed(seed)
        environment = ArenaVectorEnvironment(self.settings.trainer.num_envs, seed + EVALUATION_SEED_OFFSET)
        with self.tracked_run.phase("evaluation"):
            observations = torch.from_numpy(environment.reset())
            for _ in range(EPISODE_STEPS):
                actions, _, _ = self._policy.act(observations, generator)
                observations = torch.from_numpy(environment.step(actions.numpy())[0])
            hearts = environment.pop_metrics()[f"env_agent/{HEARTS_METRIC}"]
            environment.close()
        self.evaluated = {f"eval_agent/{HEARTS_METRIC}": hearts}
        self._log(self.evaluated)

    def save_checkpoint(self) -> None:
        """Write this run's checkpoint, in place of the one before. Called by all ranks, written by the first."""
        generators = self._ranks.gather(self._generator.get_state())
        if self._ranks.rank != 0:
            return
        checkpoint = Checkpoint(
            version=VERSION,
            seed=self.settings.trainer.seed,
            num_envs=self.settings.trainer.num_envs,
            agent_steps=self.agent_steps,
            model=self._policy.state_dict(),
            optimizer=self._optimizer.state_dict(),
            generators=generators,
            tracked_run=json.dumps(self.tracked_run.state_dict()),
            run_id=self.tracked_run.run,
            wandb_run_id=None if self._wandb_run is None else self._wandb_run.id,
        )
        write_checkpoint(self.checkpoint_path, checkpoint)
        self.tracked_run.checkpointed()

    def _read_checkpoint(self, path: Path) -> Checkpoint:
        """Read a checkpoint, and see that it is of a run like this.

        Raises:
            CheckpointError: It is missing, broken, or of another run.
        """
        checkpoint = read_checkpoint(path)
        for name in ("seed", "num_envs"):
            found, expected = checkpoint[name], getattr(self.settings.trainer, name)
            if found != expected:
                raise CheckpointError(f"{path}: found trainer.{name}={found}, expected {expected}, as the settings say")
        found = len(checkpoint["generators"])
        if found != self._ranks.number:
            raise CheckpointError(f"{path}: found a run of {found} processes, expected {self._ranks.number}")
        try:
            self._policy.load_state_dict(checkpoint["model"])
        except RuntimeError as error:
            raise CheckpointError(f"{path}: its policy is built differently: {error}") from error
        return checkpoint

    def _load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Take over a checkpoint's state, before training; the next episode is the one after its last."""
        self._optimizer.load_state_dict(checkpoint["optimizer"])
        # A copy: torch 2.13 crashes on a state that is a part of a larger tensor.
        self._generator.set_state(checkpoint["generators"][self._ranks.rank].clone())
        self.agent_steps = checkpoint["agent_steps"]
        iteration_samples = self._environment.num_agents * self._ranks.number * EPISODE_STEPS
        self._environment.next_episode = self.agent_steps // iteration_samples
        self._wandb_run_id = checkpoint["wandb_run_id"]
        self.tracked_run.load_state_dict(json.loads(checkpoint["tracked_run"]))

    def close(self, why: str = "closed") -> None:
        """Close the tracked run, then W&B's, which the former writes to; a second call does nothing.

        Args:
            why: Why the run is over: ``closed``, ``interrupted`` or ``failed``.
        """
        self.tracked_run.close("interrupted" if self.stop_signal is not None else why)
        self._environment.close()
        if self._wandb_run is not None:
            self._wandb_run.finish(exit_code=0 if why == "closed" else 1)
            self._wandb_run = None

    def _init_performance_threshold_tracker(self, checkpoint: Checkpoint | None) -> None:
        """Attach a tracked run, with the thresholds that the settings name, else those of the environment.

        A run that goes on is the same run: the job's, the checkpoint's, or, where it says ``resume`` from its first
        start on, the one of its name. Any other start is a new run, after its name.
        """
        settings = self.settings
        named = settings.trainer.performance_thresholds
        environment = milepost.environment_from_curriculum(settings.trainer.curriculum)
        self.tracked_run = milepost.track(
            milepost.load_performance_thresholds(environment if named is None else Path(named)),
            run=self._run_id(checkpoint),
            group=settings.wandb.group,
            name=settings.run,
            seed=settings.trainer.seed,
            run_config=msgspec.to_builtins(settings),
            sinks=["wandb"] if settings.wandb.enabled else [],
        )

    def _run_id(self, checkpoint: Checkpoint | None) -> str | None:
        if "MILEPOST_RUN_ID" in os.environ:
            return None
        if checkpoint is not None:
            return checkpoint["run_id"]
        if self.settings.trainer.resume:
            return self.settings.run
        return f"{self.settings.run}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"

    def _is_finished(self) -> bool:
        if self.agent_steps >= self.settings.trainer.total_timesteps:
            return True
        is_complete = self.settings.trainer.stop_when_complete and self.tracked_run.is_complete()
        stop_signal, done = self._ranks.highest(self.stop_signal or 0, is_complete)
        self.stop_signal = stop_signal or None
        return bool(stop_signal or done)

    def _iterate(self) -> dict[str, float]:
        """Play an episode of every arena, learn from it, and return the metrics of both."""
        began_seconds = time.perf_counter()
        rollout = self._gather()
        with torch.no_grad():
            _, last_values = self._policy(self._observations)
        losses = update_policy(
            self._policy, self._optimizer, rollout, last_values, self.settings.ppo, self._generator, self._ranks
        )
        samples = rollout.num_samples * self._ranks.number
        self.agent_steps += samples
        metrics = self._environment.pop_metrics() | {f"losses/{name}": value for name, value in losses.items()}
        return self._ranks.mean(metrics) | {"samples_per_second": samples / (time.perf_counter() - began_seconds)}

    def _gather(self) -> Rollout:
        """Let every agent play an episode."""
        rollout = Rollout(EPISODE_STEPS, self._environment.num_agents, self._environment.encoder.size)
        for step in range(EPISODE_STEPS):
            actions, log_probabilities, values = self._policy.act(self._observations, self._generator)
            observations, rewards, dones = self._environment.step(actions.numpy())
            rollout.observations[step] = self._observations
            rollout.actions[step] = actions
            rollout.log_probabilities[step] = log_probabilities
            rollout.values[step] = values
            rollout.rewards[step] = torch.from_numpy(rewards)
            rollout.dones[step] = torch.from_numpy(dones)
            self._observations = torch.from_numpy(observations)
        return rollout

    def _report(self, metrics: dict[str, float]) -> None:
        # The tracked run comes first: what it writes to W&B joins the row that is logged next.
        self.tracked_run.update(metrics, samples=self.agent_steps)
        self._log(metrics)

    def _log(self, metrics: dict[str, float]) -> None:
        if self._wandb_run is not None:
            self._wandb_run.log({**metrics, "samples": self.agent_steps})

    def _resume_path(self) -> Path | None:
        """Return the checkpoint that the settings want to resume from; None is a fresh start."""
        resume = self.settings.trainer.resume
        if isinstance(resume, str):
            return Path(resume)
        # A run that is to survive preemption says resume=true from its first start on, when there is nothing as yet.
        return self.checkpoint_path if resume and self.checkpoint_path.exists() else None
