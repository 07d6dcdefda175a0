"""Rewards of a whole episode, one a file, and their index by name."""

from infraray.training.rewards.reward import Reward, parts_of, register_reward, reward_of, rewards

register_reward("normalized", "infraray.training.rewards.normalized:Normalized")
register_reward("shaped", "infraray.training.rewards.shaped:Shaped")
register_reward("seed", "infraray.training.rewards.seed:Seed")

__all__ = ["Reward", "parts_of", "register_reward", "reward_of", "rewards"]
