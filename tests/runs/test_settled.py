"""A run that owes nothing is over at once: no cluster is started for it, and its folder says what it is."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infraray import launch, run
from infraray.episodes import EpisodePlayer
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.store import RunStore

pytestmark = pytest.mark.usefixtures("ray_session")


def plan(agents: list[str], seeds: str = "0:3") -> dict[str, Any]:
    scenario = {"scenario": "load_balance", "parameters": {"scored_steps": 20, "warmup_steps": 5}}
    return {"name": "settled", "scenarios": [scenario], "agents": agents, "seeds": seeds}


def no_cluster(*_: object) -> None:
    raise AssertionError("a cluster was started")


def test_a_run_that_owes_nothing_starts_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ["scripted:random", "scripted:round_robin"]
    assert run(plan(both), tmp_path, quiet=True).finished == 6
    (tmp_path / "segments").mkdir(exist_ok=True)
    monkeypatch.setattr(launch, "ray_cluster", no_cluster)
    again = run(plan(both), tmp_path, quiet=True)
    assert (again.planned, again.found, again.finished, again.failed, again.owed) == (6, 6, 0, 0, 0)
    fewer = run(plan(both[:1], "1:3"), tmp_path, quiet=True)
    assert (fewer.planned, fewer.found) == (2, 2)
    kept = json.loads((tmp_path / "run.json").read_text())
    assert kept["scenarios"]["load_balance"]["agents"] == both[:1] and len(kept["sessions"]) == 3
    with pytest.raises(AssertionError, match="a cluster was started"):
        run(plan(both, "0:4"), tmp_path, quiet=True)


def test_what_was_damaged_is_told_by_the_run_that_finds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(plan(["scripted:random"]), tmp_path, quiet=True).finished == 3
    with closing(RunStore(tmp_path)) as store:
        for spec in make_plan(RunSpec.parse(plan(["scripted:random"], "3:6"))).episodes():
            store.append(encode(to_batch("settled", [EpisodePlayer(60).play(spec)]), [spec.id]))
    (segment,) = tmp_path.glob("segments/*.arrows")
    held = bytearray(segment.read_bytes())
    held[len(held) // 2] ^= 255
    segment.write_bytes(held)
    assert run(plan(["scripted:random"], "0:3"), tmp_path).found == 3
    assert f"note: segments/{segment.stem}" in capsys.readouterr().err
