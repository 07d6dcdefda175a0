"""The rewards of a command, one per file, and their index by name."""

from infraray.scenarios.routing.rewards.reward import Reward, register_reward, rewards

register_reward("shaped", "infraray.scenarios.routing.rewards.shaped:shaped")
register_reward("paper", "infraray.repair.paper:paper")

__all__ = ["Reward", "register_reward", "rewards"]
