"""An episode whose record cannot be written has failed; the run and every other episode go on."""

from pathlib import Path

import pytest

from infraray.launch import run
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.reader import Run

TROUBLESOME = str(Path(__file__).with_name("troublesome.py"))


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("agent", ["scripted:miscounts", "scripted:miscounts_later"])
def test_an_episode_that_cannot_be_written_costs_no_other(tmp_path: Path, agent: str) -> None:
    asked = {"name": "coin", "imports": [TROUBLESOME], "scenarios": ["coin"], "agents": [agent], "seeds": 40}
    wrong = {spec.id.hex() for spec in make_plan(RunSpec.parse(asked)).episodes() if spec.agent_seed % 5 == 0}
    summary = run(asked, tmp_path / "run", quiet=True)
    assert wrong and (summary.finished, summary.failed) == (40 - len(wrong), len(wrong))
    assert "its record cannot be written: TypeError: " in summary.failures[0]
    for episode in Run(tmp_path / "run").episodes().to_pylist():
        failed = episode["episode_id"] in wrong
        assert episode["status"] == ("failed" if failed else "finished")
        assert (episode["failure"] is not None, episode["steps"]) == (failed, 0 if failed else 1)
