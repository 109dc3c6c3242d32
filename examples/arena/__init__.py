"""A PPO agent that learns to gather hearts in the MettaGrid arena, on a CPU."""
