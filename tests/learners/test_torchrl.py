"""TorchRL's own check of an environment passes on every simulated scenario, and it rolls them out past their ends."""

import gymnasium
import pytest
from torchrl.envs import GymEnv, GymWrapper, check_env_specs

from tests.learners.scenarios import SIMULATED

pytestmark = pytest.mark.filterwarnings("default")
STEPS = 200


def check(environment, *batch):
    check_env_specs(environment)
    played = environment.rollout(STEPS, break_when_any_done=False)
    assert played.batch_size == (*batch, STEPS)
    assert played["next", "terminated"].any() and not played["next", "truncated"].any()
    environment.close()


@pytest.mark.parametrize("scenario", SIMULATED)
def test_single_environment(scenario):
    check(GymEnv(scenario, **SIMULATED[scenario]))


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
@pytest.mark.parametrize("scenario", SIMULATED)
def test_vector_environment(scenario, mode):
    """In the modes that TorchRL takes; with the second it resets by ``reset_mask``."""
    check(GymWrapper(gymnasium.make_vec(scenario, 3, autoreset_mode=mode, **SIMULATED[scenario])), 3)


def test_single_environments_in_processes_of_their_own():
    """What stands before the colon is imported in each."""
    scenario = "infraray/LoadBalance-v0"
    check(GymEnv(f"infraray:{scenario}", num_envs=2, **SIMULATED[scenario]), 2)
