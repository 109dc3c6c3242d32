"""The arena: MettaGrid's stock one with mines and altars, and several of them stepped as one."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from mettagrid.builder.envs import make_arena
from mettagrid.config.game_value import InventoryValue
from mettagrid.config.handler_config import Handler, actorHas, targetHas, updateActor, withdraw
from mettagrid.config.mettagrid_config import (
    GridObjectConfig,
    InventoryConfig,
    MettaGridConfig,
    ResourceLimitsConfig,
)
from mettagrid.config.reward_config import reward
from mettagrid.mapgen.mapgen import MapGen
from mettagrid.mapgen.scenes.random import Random
from mettagrid.mettagrid_c import (
    dtype_actions,
    dtype_masks,
    dtype_observations,
    dtype_rewards,
    dtype_terminals,
    dtype_truncations,
)
from mettagrid.simulator import Simulation
from mettagrid.simulator.simulator import Buffers
from numpy.typing import NDArray

from examples.arena.observation import ObservationEncoder

NUM_AGENTS = 8
EPISODE_STEPS = 100
ARENA_CELLS_A_SIDE = 25
OBSERVATION_RADIUS_CELLS = 6
OBSERVATION_TOKENS = 256
"""Room for a token of each cell in sight and some more; of MettaGrid's 500, most stayed empty."""

NUM_WALLS = 10
NUM_MINES = 6
ORE_PER_MINE = 100
MAX_ORE_CARRIED = 10
NUM_ALTARS = 6
HEARTS_PER_ALTAR = 20
ORE_REWARD_HEARTS = 0.05
"""What an ore in hand is worth beside a heart. Spent, it is taken back: shaping that adds nothing to gain by itself."""


def make_arena_config() -> MettaGridConfig:
    """Return the arena: 8 agents on 25 by 25 cells, with 6 mines and 6 altars.

    The stock arena has no source of hearts. Here an agent that walks into a mine takes an ore from it, and one that
    walks into an altar changes an ore into a heart. Ten ores are all it can carry, so it has to go to and fro. Walking
    about at random gives 0.1 hearts in an episode.
    """
    config = make_arena(
        NUM_AGENTS,
        combat=False,
        map_builder=MapGen.Config(
            num_agents=NUM_AGENTS,
            width=ARENA_CELLS_A_SIDE,
            height=ARENA_CELLS_A_SIDE,
            # As wide as agents see, so that what they see never ends at the edge of the map.
            border_width=OBSERVATION_RADIUS_CELLS,
            instance_border_width=0,
            instance=Random.Config(
                agents=NUM_AGENTS, objects={"wall": NUM_WALLS, "mine": NUM_MINES, "altar": NUM_ALTARS}
            ),
        ),
    )
    game = config.game
    game.max_steps = EPISODE_STEPS
    game.obs.width = game.obs.height = 2 * OBSERVATION_RADIUS_CELLS + 1
    game.obs.num_tokens = OBSERVATION_TOKENS
    game.objects["mine"] = GridObjectConfig(
        name="mine",
        on_use_handler=Handler(mutations=[withdraw({"ore_red": 1})]),
        inventory=InventoryConfig(initial={"ore_red": ORE_PER_MINE}),
    )
    game.objects["altar"] = GridObjectConfig(
        name="altar",
        on_use_handler=Handler(
            filters=[actorHas({"ore_red": 1}), targetHas({"heart": 1})],
            mutations=[updateActor({"ore_red": -1}), withdraw({"heart": 1})],
        ),
        inventory=InventoryConfig(initial={"heart": HEARTS_PER_ALTAR}),
    )
    game.agent.inventory.limits["ore_red"] = ResourceLimitsConfig(
        base=MAX_ORE_CARRIED, max=MAX_ORE_CARRIED, resources=["ore_red"]
    )
    game.agent.rewards["ore_red"] = reward(InventoryValue(item="ore_red"), weight=ORE_REWARD_HEARTS)
    return config


class ArenaVectorEnvironment:
    """Several arenas, stepped together; all of them begin their next episode, on new maps, as soon as one ends.

    One thread steps them: a step takes 0.07 ms and holds the GIL, so that two threads took twice as long as one. An
    episode's map depends on the seed, the arena and the episode's number alone: a run can go on from any episode.

    Args:
        num_envs: How many arenas.
        seed: What the maps are drawn from.
        first_env: Number of the first of them among those of all processes.

    Attributes:
        num_agents: Agents of all the arenas together.
        num_actions: How many actions an agent chooses from.
        encoder: What turns tokens into the observations that `reset` and `step` return.
        next_episode: Number of the episode that `reset` begins; may be set, after a resume.
    """

    def __init__(self, num_envs: int, seed: int, *, first_env: int = 0) -> None:
        self._config = make_arena_config()
        self._seed = seed
        self._num_envs = num_envs
        self._first_env = first_env
        self._simulations: list[Simulation] = []
        self._ended_stats: dict[str, list[float]] = defaultdict(list)
        self.next_episode = 0
        self.num_agents = num_envs * NUM_AGENTS
        self.num_actions = len(self._config.game.actions.actions())
        self.encoder = ObservationEncoder(
            self._config, resource_scales={"heart": HEARTS_PER_ALTAR, "ore_red": MAX_ORE_CARRIED}
        )
        self._tokens = np.zeros((self.num_agents, OBSERVATION_TOKENS, 3), dtype=dtype_observations)
        self._rewards = np.zeros(self.num_agents, dtype=dtype_rewards)
        self._terminals = np.zeros(self.num_agents, dtype=dtype_terminals)
        self._truncations = np.zeros(self.num_agents, dtype=dtype_truncations)
        self._actions = np.zeros(self.num_agents, dtype=dtype_actions)
        # The simulation asks for these two as well; the arena uses neither.
        self._masks = np.ones(self.num_agents, dtype=dtype_masks)
        self._teacher_actions = np.zeros(self.num_agents, dtype=dtype_actions)

    def reset(self) -> NDArray[np.float32]:
        """Begin the next episode in every arena.

        Returns:
            Observations of shape (agents, observation size).
        """
        self.close()
        self._simulations = [self._begin_episode(index) for index in range(self._num_envs)]
        self.next_episode += 1
        return self.encoder.encode(self._tokens)

    def step(self, actions: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Let every agent act once; `reset` has to come before.

        Args:
            actions: Numbers of the agents' actions, of shape (agents,).

        Returns:
            Observations of shape (agents, observation size), rewards in hearts and whether the episode ended, both of
            shape (agents,). Where it ended, the observation is the first one of the next episode.
        """
        self._actions[:] = actions
        for simulation in self._simulations:
            simulation.step()
        # Copies: the next episode writes to the same buffers.
        rewards, dones = self._rewards.copy(), self._terminals | self._truncations
        # Episodes end by their clock, and so all at once.
        if dones.all():
            for simulation in self._simulations:
                self._keep_stats(simulation.episode_stats)
            return self.reset(), rewards, dones
        return self.encoder.encode(self._tokens), rewards, dones

    def pop_metrics(self) -> dict[str, float]:
        """Return what the environment counted in the episodes that ended since the last call.

        Returns:
            Means over agents and episodes, as ``env_agent/heart.gained`` and so on; empty where no episode ended.
        """
        metrics = {f"env_agent/{name}": float(np.mean(values)) for name, values in sorted(self._ended_stats.items())}
        self._ended_stats.clear()
        return metrics

    def close(self) -> None:
        """Let go of the simulations."""
        for simulation in self._simulations:
            simulation.close()
        self._simulations = []

    def _begin_episode(self, index: int) -> Simulation:
        """Make an arena on the map of its next episode; its first observations are in the buffers at once."""
        seeds = np.random.SeedSequence([self._seed, self._first_env + index, self.next_episode]).generate_state(2)
        # Signed 32-bit numbers are what the simulation takes.
        map_seed, simulation_seed = (int(seed) >> 1 for seed in seeds)
        self._config.game.map_builder.seed = map_seed
        agents = slice(index * NUM_AGENTS, (index + 1) * NUM_AGENTS)
        return Simulation(
            self._config,
            seed=simulation_seed,
            buffers=Buffers(
                observations=self._tokens[agents],
                terminals=self._terminals[agents],
                truncations=self._truncations[agents],
                rewards=self._rewards[agents],
                masks=self._masks[agents],
                actions=self._actions[agents],
                teacher_actions=self._teacher_actions[agents],
            ),
        )

    def _keep_stats(self, stats: Mapping[str, list[Mapping[str, float]]]) -> None:
        """Keep an episode's statistics, agent by agent.

        An agent's statistics lack what never happened to it, such as a first heart: that is 0, not unknown. So does
        the whole arena's, hence the two names that are always there.
        """
        agents = stats["agent"]
        for name in {"heart.gained", "ore_red.gained"}.union(*agents):
            self._ended_stats[name].extend(agent.get(name, 0.0) for agent in agents)
