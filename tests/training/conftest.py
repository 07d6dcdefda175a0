"""verl has an environment of its own (make test-training); elsewhere, the tests that need it are not there."""

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

collect_ignore_glob = [] if find_spec("verl") else ["test_verl_*.py"]

if find_spec("verl"):
    with warnings.catch_warnings():
        # It tells of each engine that is not there.
        warnings.simplefilter("ignore")
        import verl.trainer.ppo.v1.agent_loop_tq
        import verl.trainer.ppo.v1.utils  # noqa: F401


@pytest.fixture(scope="session")
def policy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.training.tiny_policy import save_policy

    return save_policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture
def trainer(policy_folder: Path, ray_session: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """verl's side of a training step: its data set, its worker and its advantages."""
    from infraray.training.agent_loop import InfrarayAgentLoop
    from infraray.training.collected import collecting_rollouts
    from infraray.trajectories.manifest import Manifest
    from infraray.trajectories.store import write_manifest
    from tests.training.verl_side import Trainer

    monkeypatch.setattr(InfrarayAgentLoop, "_hosts", {})
    write_manifest(tmp_path / "rollouts", Manifest(name="rollouts"))
    with collecting_rollouts(tmp_path / "rollouts", f"rollouts-{tmp_path.name}") as collector:
        yield Trainer(policy_folder, tmp_path, monkeypatch, collector)
