"""A real engine that an agent launches in its workspace: measured there, launched again, and through both gates."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray import isolation
from infraray.engines.supervisor import descendants
from tests.engines.conftest import ENV
from tests.workspaces.played import commands, play

pytestmark = [
    pytest.mark.engine,
    pytest.mark.alone,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(isolation.problem() is not None, reason=str(isolation.problem())),
]

WAIT = "until (exec 3<> /dev/tcp/127.0.0.1/8000) 2> /dev/null || ! kill -0 $!; do sleep 0.2; done; tail -n 3 server.log"
LAUNCH = f"bash start_server.sh > server.log 2>&1 & {WAIT}; evaluate"
WRITE = 'echo "exec $(sed -n "s/^- transformers: //p" MISSION.md) --dtype float32" > start_server.sh; chmod +x *.sh'


@pytest.fixture
def answering(answering_model: Path) -> Iterator[Path]:
    """The same where a sandbox's user gets in."""
    with tempfile.TemporaryDirectory() as folder:
        copied = shutil.copytree(answering_model, Path(folder) / "answering")
        for one in (Path(folder), copied, *copied.rglob("*")):
            one.chmod(0o755 if one.is_dir() else 0o644)  # pytest's folders are their user's alone
        yield copied


def test_an_engine_of_the_mission_is_launched_inside_and_passes_both_gates(answering: Path, tmp_path: Path) -> None:
    others = set(descendants(os.getpid()))
    run = play(
        commands(WRITE, LAUNCH),
        "time_s=600",
        "inference",
        0,
        limit_s=1200.0,
        model=str(answering / "model"),
        mmlu_pro=str(answering / "questions"),
        questions=40,
        # With fewer requests the answers, which are short, are too little text for the integrity gate.
        workload={"preset": "B-cpu", "num_requests": 16, "output_tokens": 64},
        engines=["transformers"],
        env=ENV,
        budget_s=600.0,
        folder=str(tmp_path / "bench"),
    )
    assert run.trajectory.measures is not None, run.trajectory.failure
    measured, final = run.trajectory.steps
    assert measured.info["extra"]["speedup"] > 0, run.outputs
    (server,) = [line for line in measured.info["extra"]["launch"]["processes"] if "--port" in line]
    assert "transformers_server.py" in server and server.endswith("--dtype float32")
    submission = final.info["extra"]["submission"]
    assert submission["passed"], submission["reason"]
    assert submission["trial"]["server"] == "start_server.sh"
    assert run.trajectory.measures.correct and run.trajectory.measures.score == submission["speedup"]
    assert not set(descendants(os.getpid())) - others
