r"""A small PPO agent, trained with Stable-Baselines3, on the leaderboard beside the heuristics.

pip install 'infraray[learners]'
python examples/ppo_agent.py            # trains on tasks of its own for a minute or two, writes runs/ppo.zip
infraray run --scenario load_balance --seeds 20 --agent 'scripted:*' \
        --agent 'python:examples/ppo_agent.py:Trained?policy=runs/ppo.zip'
"""

import argparse
from pathlib import Path

import torch
from gymnasium.spaces import Box
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecNormalize

from infraray import Agent, Observation
from infraray.parameters import file_sha256

FIRST_TASK = 1_000_000
"""Seed of the first training task, far from those of a leaderboard."""


class Logarithms(BaseFeaturesExtractor):
    """Logarithms of the observation, since queues and job sizes have heavy tails."""

    def __init__(self, observation_space: Box) -> None:
        super().__init__(observation_space, features_dim=observation_space.shape[0])

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Takes non-negative numbers."""
        return torch.log1p(observations)


def train(steps: int, policy: Path) -> None:
    """Trains for that many steps and saves the policy."""
    environments = make_vec_env("infraray/LoadBalance-v0", 16, seed=FIRST_TASK, env_kwargs={"text": False})
    environments = VecNormalize(environments, norm_obs=False, gamma=0.9)
    model = PPO(
        "MlpPolicy",
        environments,
        n_steps=128,
        batch_size=512,
        n_epochs=6,
        learning_rate=1e-3,
        gamma=0.9,
        gae_lambda=0.9,
        seed=0,
        policy_kwargs={"features_extractor_class": Logarithms},
        verbose=1,
    )
    model.learn(steps).save(policy)


class Trained(Agent):
    """Takes the trained policy's best action.

    Args:
        policy: the file written by the training.
    """

    def __init__(self, policy: str) -> None:
        self.policy = policy
        self.model = PPO.load(policy, device="cpu")

    def files(self) -> dict[str, str]:
        """The policy's file: another training is a different agent, whose episodes are played again."""
        return {self.policy: file_sha256(self.policy)}

    def act(self, observation: Observation) -> int:
        """Always the same action for the same observation."""
        action, _ = self.model.predict(observation["numeric_observation"], deterministic=True)
        return int(action)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--policy", type=Path, default=Path("runs", "ppo.zip"))
    arguments = parser.parse_args()
    arguments.policy.parent.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    train(arguments.steps, arguments.policy)
