"""The trainer: gathers, learns, and tells Milepost about it."""

import json
import signal
import time
from pathlib import Path
from types import TracebackType

import torch

import milepost
from examples.arena.checkpoint import VERSION, Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from examples.arena.environment import EPISODE_STEPS, ArenaVectorEnvironment
from examples.arena.policy import ActorCritic
from examples.arena.ppo import Rollout, update_policy
from examples.arena.settings import ArenaSettings, SettingsError
from examples.arena.wandb_run import start_wandb_run
from milepost.report.terminal import LivePanel

HEARTS_METRIC = "heart.gained"
EVALUATION_SEED_OFFSET = 1_000_000
"""What tells the evaluation's maps from those that were trained on."""


class ArenaTrainer:
    """Trains agents in the arena by PPO, with a tracked run attached.

        with ArenaTrainer(settings) as trainer:
            trainer.train()

    An iteration is one episode of every arena and one update, so that a checkpoint never holds half an episode: a
    resumed run goes on bit for bit as it would have.

    Args:
        settings: The run's settings.

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

    def __init__(self, settings: ArenaSettings) -> None:
        self.settings = settings
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
        self._generator = torch.Generator().manual_seed(settings.trainer.seed)
        self._environment = ArenaVectorEnvironment(settings.trainer.num_envs, settings.trainer.seed)
        self._policy = ActorCritic(
            self._environment.encoder.image_shape,
            self._environment.encoder.num_scalars,
            self._environment.num_actions,
        )
        # Adam's own ε of 1e-8 lets steps explode where gradients nearly vanish; PPO is run with a larger one.
        self._optimizer = torch.optim.Adam(self._policy.parameters(), lr=settings.ppo.learning_rate, eps=1e-5)
        self._init_performance_threshold_tracker()
        self._wandb_run_id: str | None = None
        resume_path = self._resume_path()
        if resume_path is not None:
            self.load_checkpoint(resume_path)
        # Last, so that no run is left there by settings that are wrong; waiting for W&B is no training.
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
                    if time.monotonic() - saved_seconds >= self.settings.trainer.checkpoint_every_seconds:
                        self.save_checkpoint()
                        saved_seconds = time.monotonic()
            if self.stop_signal is None:
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
        """Write this run's checkpoint, in place of the one before."""
        checkpoint = Checkpoint(
            version=VERSION,
            seed=self.settings.trainer.seed,
            num_envs=self.settings.trainer.num_envs,
            agent_steps=self.agent_steps,
            model=self._policy.state_dict(),
            optimizer=self._optimizer.state_dict(),
            generator=self._generator.get_state(),
            tracked_run=json.dumps(self.tracked_run.state_dict()),
            wandb_run_id=None if self._wandb_run is None else self._wandb_run.id,
        )
        write_checkpoint(self.checkpoint_path, checkpoint)

    def load_checkpoint(self, path: Path) -> None:
        """Take over a checkpoint's state, before training; the next episode is the one after its last.

        Raises:
            CheckpointError: It is missing, broken, or of another run.
        """
        checkpoint = read_checkpoint(path)
        for name in ("seed", "num_envs"):
            found, expected = checkpoint[name], getattr(self.settings.trainer, name)
            if found != expected:
                raise CheckpointError(f"{path}: found trainer.{name}={found}, expected {expected}, as the settings say")
        try:
            self._policy.load_state_dict(checkpoint["model"])
        except RuntimeError as error:
            raise CheckpointError(f"{path}: its policy is built differently: {error}") from error
        self._optimizer.load_state_dict(checkpoint["optimizer"])
        self._generator.set_state(checkpoint["generator"])
        self.agent_steps = checkpoint["agent_steps"]
        self._environment.next_episode = self.agent_steps // (self._environment.num_agents * EPISODE_STEPS)
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

    def _init_performance_threshold_tracker(self) -> None:
        """Attach a tracked run, with the thresholds that the settings name, else those of the environment."""
        settings = self.settings
        named = settings.trainer.performance_thresholds
        environment = milepost.environment_from_curriculum(settings.trainer.curriculum)
        self.tracked_run = milepost.track(
            milepost.load_performance_thresholds(environment if named is None else Path(named)),
            run=settings.run,
            group=settings.wandb.group,
            sinks=["wandb"] if settings.wandb.enabled else [],
        )

    def _is_finished(self) -> bool:
        if self.stop_signal is not None or self.agent_steps >= self.settings.trainer.total_timesteps:
            return True
        return self.settings.trainer.stop_when_complete and self.tracked_run.is_complete()

    def _iterate(self) -> dict[str, float]:
        """Play an episode of every arena, learn from it, and return the metrics of both."""
        began_seconds = time.perf_counter()
        rollout = self._gather()
        with torch.no_grad():
            _, last_values = self._policy(self._observations)
        losses = update_policy(self._policy, self._optimizer, rollout, last_values, self.settings.ppo, self._generator)
        self.agent_steps += rollout.num_samples
        return {
            **self._environment.pop_metrics(),
            **{f"losses/{name}": value for name, value in losses.items()},
            "samples_per_second": rollout.num_samples / (time.perf_counter() - began_seconds),
        }

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
