"""Settings for all tests, and one small Ray cluster for those that do not kill it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from hypothesis import HealthCheck, settings

from infraray import registration, user_file
from infraray.actors.cluster import ray_cluster
from infraray.agents import agent
from infraray.agents.chat.strategies import strategies
from infraray.agents.chat.tools import tools
from infraray.agents.kind import kinds
from infraray.engines import engine_kinds
from infraray.engines.preloaded import PreloadedLauncher
from infraray.scenarios.kubernetes_policy.rewards import rewards as kubernetes_policy_rewards
from infraray.scenarios.routing.rewards import rewards as routing_rewards
from infraray.training.rewards import rewards as training_rewards
from infraray.trajectories.exporters import exporters
from infraray.tune.searchers.registry import searchers
from infraray.workspaces.scaffolds.scaffold import scaffolds

# Cores are shared: how long an example takes says nothing about the code.
settings.register_profile("infraray", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("infraray")


REGISTERS: tuple[dict[Any, Any], ...] = (
    *(user_file._files, agent._agents, registration._registrations, gymnasium.registry),
    *(register._entries for register in (kinds, strategies, tools, searchers, engine_kinds, exporters, scaffolds)),
    *(register._entries for register in (kubernetes_policy_rewards, routing_rewards, training_rewards)),
)


@pytest.fixture(autouse=True)
def what_a_test_registers_is_forgotten() -> Iterator[None]:
    """Otherwise other tests are told of its names. What is built in stays: it is imported once in a process."""
    yield from _forgetting()


@pytest.fixture(autouse=True, scope="module")
def what_a_file_registers_is_forgotten() -> Iterator[None]:
    """The same of what its tests share."""
    yield from _forgetting()


def _forgetting() -> Iterator[None]:
    before = [dict(register) for register in REGISTERS]
    yield
    for register, kept in zip(REGISTERS, before, strict=True):
        built_in = {name: found for name, found in register.items() if _is_built_in(found)}
        register.clear()
        register.update({**built_in, **kept})


def _is_built_in(found: Any) -> bool:
    return isinstance(found, type) and found.__module__.startswith("infraray.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that share a Ray cluster come first: they take longest, and others run beside the last of them."""
    on_ray = {item.path for item in items if "ray_session" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in on_ray)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    os.environ.pop("RAY_ADDRESS", None)
    with ray_cluster(2):
        yield


@pytest.fixture(scope="session")
def answering_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``model``, which really answers, and ``questions`` in MMLU-Pro's format."""
    folder = tmp_path_factory.mktemp("answering")
    script = Path(__file__).parents[1] / "examples" / "answering_model.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def preloaded() -> Iterator[PreloadedLauncher]:
    """Imports an engine once for all servers that are started with it."""
    launcher = PreloadedLauncher()
    yield launcher
    launcher.end()
