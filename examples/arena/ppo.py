"""Proximal policy optimisation, https://arxiv.org/abs/1707.06347: the rollout, the advantages and the update."""

import torch
from torch import Tensor, nn

from examples.arena.policy import ActorCritic
from examples.arena.ranks import Ranks
from examples.arena.settings import PPOSettings


class Rollout:
    """What agents saw, did and got during a number of steps.

    Args:
        num_steps: Steps of each agent.
        num_agents: Agents.
        observation_size: Length of an observation.
    """

    def __init__(self, num_steps: int, num_agents: int, observation_size: int) -> None:
        shape = (num_steps, num_agents)
        self.observations = torch.zeros(*shape, observation_size)
        self.actions = torch.zeros(shape, dtype=torch.int64)
        self.log_probabilities = torch.zeros(shape)
        self.values = torch.zeros(shape)
        self.rewards = torch.zeros(shape)
        self.dones = torch.zeros(shape)

    @property
    def num_samples(self) -> int:
        """Steps of all the agents together."""
        return self.rewards.numel()

    def advantages(self, last_values: Tensor, discount: float, gae_lambda: float) -> Tensor:
        """Return how much better each action turned out than the critic thought.

        Generalised advantage estimation, https://arxiv.org/abs/1506.02438.

        Args:
            last_values: Values of the states after the last step, of shape (agents,).
            discount: γ.
            gae_lambda: λ.

        Returns:
            Advantages of shape (steps, agents), in discounted reward.
        """
        advantages = torch.zeros_like(self.rewards)
        advantage = torch.zeros_like(last_values)
        next_values = last_values
        for step in reversed(range(len(self.rewards))):
            # An episode ends by its clock, which agents see: what lies behind the end is worth nothing to them.
            goes_on = 1.0 - self.dones[step]
            surprise = self.rewards[step] + discount * next_values * goes_on - self.values[step]
            advantage = surprise + discount * gae_lambda * goes_on * advantage
            advantages[step] = advantage
            next_values = self.values[step]
        return advantages


def update_policy(
    policy: ActorCritic,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    last_values: Tensor,
    settings: PPOSettings,
    generator: torch.Generator,
    ranks: Ranks,
) -> dict[str, float]:
    """Improve a policy by what a rollout showed.

    Args:
        policy: The policy that gathered the rollout; changed in place.
        optimizer: The optimizer of its parameters; changed in place.
        rollout: What the agents saw, did and got.
        last_values: Values of the states after the last step, of shape (agents,).
        settings: How to learn.
        generator: Where the order of samples comes from.
        ranks: The processes that improve it together.

    Returns:
        Means over the update, by name: ``policy_loss``, ``value_loss``, ``entropy`` (nats) and ``clipped`` (the part
        of the samples where the clip held the update back).
    """
    advantages = rollout.advantages(last_values, settings.discount, settings.gae_lambda)
    samples = _Samples(rollout, advantages)
    totals = torch.zeros(4)
    num_minibatches = 0
    for _ in range(settings.num_epochs):
        order = torch.randperm(len(samples.actions), generator=generator)
        for chosen in torch.split(order, settings.minibatch_size):
            loss, parts = samples.loss(policy, chosen, settings)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            ranks.average_gradients(policy.parameters())
            nn.utils.clip_grad_norm_(policy.parameters(), settings.max_gradient_norm)
            optimizer.step()
            totals += parts
            num_minibatches += 1
    names = ("policy_loss", "value_loss", "entropy", "clipped")
    return dict(zip(names, (totals / num_minibatches).tolist(), strict=True))


class _Samples:
    """A rollout with its steps and agents in one row, as an update takes it."""

    def __init__(self, rollout: Rollout, advantages: Tensor) -> None:
        self.observations = rollout.observations.flatten(0, 1)
        self.actions = rollout.actions.flatten()
        self.log_probabilities = rollout.log_probabilities.flatten()
        self.advantages = advantages.flatten()
        self.returns = self.advantages + rollout.values.flatten()

    def loss(self, policy: ActorCritic, chosen: Tensor, settings: PPOSettings) -> tuple[Tensor, Tensor]:
        """Return the loss of some samples, and its parts for the log, of shape (4,)."""
        logits, values = policy(self.observations[chosen])
        log_probabilities = logits.log_softmax(dim=1)
        chosen_log_probabilities = log_probabilities.gather(1, self.actions[chosen, None]).squeeze(1)
        ratio = (chosen_log_probabilities - self.log_probabilities[chosen]).exp()
        advantages = self.advantages[chosen]
        advantages = (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)
        clipped_ratio = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip)
        policy_loss = -torch.minimum(ratio * advantages, clipped_ratio * advantages).mean()
        value_loss = (values - self.returns[chosen]).square().mean()
        entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=1).mean()
        loss = policy_loss + settings.value_coefficient * value_loss - settings.entropy_coefficient * entropy
        clipped = (ratio != clipped_ratio).float().mean()
        return loss, torch.stack([policy_loss, value_loss, entropy, clipped]).detach()
