"""Stable-Baselines3 trains on every simulated scenario, made by its own `make_vec_env`."""

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

import infraray
from tests.learners.scenarios import SIMULATED

# It asks for a render mode that there is not, of which Gymnasium warns.
pytestmark = pytest.mark.filterwarnings("default")
STEPS = 400


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("algorithm", [PPO, DQN])
@pytest.mark.parametrize("scenario", SIMULATED)
def test_trains_and_acts(scenario, algorithm, count):
    environments = make_vec_env(scenario, count, seed=1, env_kwargs=SIMULATED[scenario])
    options = {"n_steps": 50, "batch_size": 50} if algorithm is PPO else {"learning_starts": 100}
    model = algorithm("MlpPolicy", environments, seed=1, **options).learn(STEPS)
    assert model.num_timesteps >= STEPS and len(model.ep_info_buffer) >= count
    observation, _ = infraray.make(scenario, **SIMULATED[scenario]).reset(seed=1)
    action, _ = model.predict(observation, deterministic=True)
    assert model.action_space.contains(np.int64(action))


def test_trains_on_environments_in_processes_of_their_own():
    """What stands before the colon is imported in each."""
    scenario = "infraray/LoadBalance-v0"
    environments = make_vec_env(
        f"infraray:{scenario}", 2, seed=1, env_kwargs=SIMULATED[scenario], vec_env_cls=SubprocVecEnv
    )
    model = PPO("MlpPolicy", environments, seed=1, n_steps=50, batch_size=50).learn(STEPS)
    environments.close()
    assert len(model.ep_info_buffer) >= 2


@pytest.mark.parametrize("scenario", SIMULATED)
def test_its_checker_finds_no_fault(scenario):
    check_env(infraray.make(scenario, **SIMULATED[scenario]))
