"""RLlib's PPO trains on every simulated scenario. Its workers import what stands before the colon of the id."""

import pytest
from ray.rllib.algorithms.ppo import PPOConfig

from tests.learners.scenarios import SIMULATED

pytestmark = pytest.mark.filterwarnings("default")
STEPS = 300


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("scenario", SIMULATED)
def test_trains(ray_session, scenario, count):
    asked = PPOConfig().environment(f"infraray:{scenario}", env_config=SIMULATED[scenario])
    asked.env_runners(num_env_runners=0, num_envs_per_env_runner=count)
    asked.training(train_batch_size_per_learner=STEPS, minibatch_size=100, num_epochs=1)
    algorithm = asked.build_algo()
    try:
        sampled = algorithm.train()["env_runners"]
    finally:
        algorithm.stop()
    assert sampled["num_env_steps_sampled_lifetime"] >= STEPS and sampled["num_episodes"] >= count
