"""The real programs have a folder of their own (make test-clis); elsewhere their tests are not there."""

import os
from pathlib import Path

import pytest

from tests.scenarios.inference.conftest import open_parameters, parameters
from tests.workspaces.install_clis import commands

__all__ = ["open_parameters", "parameters"]

CLIS = os.environ.get("INFRARAY_TEST_CLIS")
"""Where `install_clis` has put them."""

collect_ignore_glob = [] if CLIS else ["test_*.py"]


@pytest.fixture(params=["newest", "older"])
def age(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either of the versions, in PATH."""
    assert CLIS is not None
    monkeypatch.setenv("PATH", f"{commands(Path(CLIS).resolve(), request.param)}:{os.environ['PATH']}")
    return str(request.param)
