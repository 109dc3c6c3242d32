"""What an agent sees: MettaGrid's observation tokens, laid out as one flat vector of an image and a few scalars."""

from collections.abc import Mapping

import numpy as np
from mettagrid.config.mettagrid_config import MettaGridConfig
from numpy.typing import NDArray


class ObservationEncoder:
    """Turns tokens of (location, feature, value) into vectors of float32.

    The image has one plane for each tag ("is an altar here?") and one for each resource ("how many hearts are here?").
    The scalars are how far the episode has come and the last action, as a one-hot. The token of the last reward is left
    out: it is a whole number, cut off, so that 0.95 reads as 0.

    Args:
        config: The environment whose observations are encoded.
        resource_scales: The resources to show, and how much of each counts as 1.0 in its plane.

    Attributes:
        image_shape: Planes, rows and columns of the image.
        num_scalars: How many scalars follow the image.
        size: Length of the vector.
    """

    def __init__(self, config: MettaGridConfig, resource_scales: Mapping[str, float]) -> None:
        game = config.game
        feature_ids = {feature.name: feature.id for feature in game.id_map().features()}
        num_tags = len(game.id_map().tag_names())
        num_actions = len(game.actions.actions())
        self.image_shape = (num_tags + len(resource_scales), game.obs.height, game.obs.width)
        self.num_scalars = 1 + num_actions
        image_size = int(np.prod(self.image_shape))
        self.size = image_size + self.num_scalars

        # A token puts `weight[feature, value]` at `base[feature, value] + offset[location]`; where the weight is 0, it
        # is left out. Tables over bytes take all the tokens of all the agents at once. A location is row << 4 | column,
        # or 0xFE for what belongs to no cell; an empty token is all 0xFF, which is no feature and so weighs 0.
        rows, columns = np.arange(256) >> 4, np.arange(256) & 0x0F
        in_sight = (rows < game.obs.height) & (columns < game.obs.width)
        cells = game.obs.height * game.obs.width
        self._offset = np.where(in_sight, rows * game.obs.width + columns, 0)
        self._base = np.zeros((256, 256), dtype=np.int64)
        self._weight = np.zeros((256, 256), dtype=np.float32)
        values = np.arange(256, dtype=np.float32)
        tag, last_action = feature_ids["tag"], feature_ids["last_action"]
        for plane in range(num_tags):
            self._base[tag, plane] = plane * cells
            self._weight[tag, plane] = 1.0
        for plane, (resource, scale) in enumerate(resource_scales.items(), start=num_tags):
            self._base[feature_ids[f"inv:{resource}"]] = plane * cells
            self._weight[feature_ids[f"inv:{resource}"]] = values / scale
        self._base[feature_ids["episode_completion_pct"]] = image_size
        self._weight[feature_ids["episode_completion_pct"]] = values / 255.0
        for action in range(num_actions):
            self._base[last_action, action] = image_size + 1 + action
            self._weight[last_action, action] = 1.0

    def encode(self, tokens: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode observations.

        Args:
            tokens: Bytes of shape (agents, tokens, 3).

        Returns:
            Vectors of shape (agents, size): the image, flattened, then the scalars.
        """
        location, feature, value = tokens[..., 0], tokens[..., 1], tokens[..., 2]
        weight = self._weight[feature, value]
        agent, slot = np.nonzero(weight)
        position = self._base[feature[agent, slot], value[agent, slot]] + self._offset[location[agent, slot]]
        encoded = np.zeros((len(tokens), self.size), dtype=np.float32)
        encoded[agent, position] = weight[agent, slot]
        return encoded
