"""What the tests of both emulators begin with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.live import ROOT, as_nobody


@pytest.fixture
def user(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    """A process of an ordinary user that runs the module's ``USER``."""
    tmp_path.chmod(0o777)
    process = subprocess.Popen(
        [*as_nobody(), sys.executable, "-m", request.module.USER],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()
