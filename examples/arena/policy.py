"""The policy: a small convolutional actor-critic."""

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


class ActorCritic(nn.Module):
    """Looks at an image and a few scalars; says how likely each action is and what the state is worth.

    Args:
        image_shape: Planes, rows and columns of the image.
        num_scalars: How many scalars follow the image in an observation.
        num_actions: How many actions there are.
        hidden_size: Units of the last layer that actor and critic share.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], num_scalars: int, num_actions: int, hidden_size: int = 128
    ) -> None:
        super().__init__()
        self._image_shape = image_shape
        self._image_size = math.prod(image_shape)
        self.convolutions = nn.Sequential(
            _orthogonal(nn.Conv2d(image_shape[0], 16, kernel_size=3, stride=2), gain=math.sqrt(2)),
            nn.ReLU(),
            _orthogonal(nn.Conv2d(16, 32, kernel_size=3), gain=math.sqrt(2)),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            num_features = self.convolutions(torch.zeros(1, *image_shape)).shape[1]
        self.trunk = nn.Sequential(
            _orthogonal(nn.Linear(num_features + num_scalars, hidden_size), gain=math.sqrt(2)), nn.ReLU()
        )
        # The actor begins near uniform (a small gain), so that early episodes explore.
        self.actor = _orthogonal(nn.Linear(hidden_size, num_actions), gain=0.01)
        self.critic = _orthogonal(nn.Linear(hidden_size, 1), gain=1.0)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Judge observations.

        Args:
            observations: float32 of shape (batch, observation size).

        Returns:
            Logits of shape (batch, actions) and values of shape (batch,).
        """
        image = observations[:, : self._image_size].reshape(-1, *self._image_shape)
        scalars = observations[:, self._image_size :]
        hidden = self.trunk(torch.cat([self.convolutions(image), scalars], dim=1))
        return self.actor(hidden), self.critic(hidden).squeeze(1)

    @torch.no_grad()
    def act(self, observations: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Choose actions at random, as likely as the actor says.

        Args:
            observations: float32 of shape (batch, observation size).
            generator: Where chance comes from; torch's own where not given.

        Returns:
            Actions, the logarithms of their probabilities, and values; each of shape (batch,).
        """
        logits, values = self(observations)
        log_probabilities = logits.log_softmax(dim=1)
        actions = torch.multinomial(log_probabilities.exp(), 1, generator=generator)
        return actions.squeeze(1), log_probabilities.gather(1, actions).squeeze(1), values


def _orthogonal(layer: Layer, gain: float) -> Layer:
    """Initialise a layer as PPO likes it: orthogonal weights, no bias (https://arxiv.org/abs/2005.12729)."""
    nn.init.orthogonal_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
