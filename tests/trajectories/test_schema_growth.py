"""A later version's columns break no folder of this one, and this version says when a folder is a later one's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import infraray
from infraray.errors import InfrarayError
from infraray.trajectories.reader import Run
from infraray.trajectories.store import RunStore
from infraray.version import SCHEMA_VERSION

LATER = SCHEMA_VERSION + 1
HERE = str(SCHEMA_VERSION).encode()
FIXTURES = Path(__file__).parent / "fixtures"

READ = """
import json, sys
from infraray.reports.report import report
from infraray.trajectories.episode_reader import count_episodes, read_episodes
from infraray.trajectories.reader import Run
from infraray.trajectories.store import RunStore

def content(run):
    one_by_one = [({**row, "started_at": str(row["started_at"])}, steps.read()) for row, steps in read_episodes(run)]
    episodes = [{**row, "started_at": str(row["started_at"])} for row in run.episodes().to_pylist()]
    assert count_episodes(run) == len(episodes)
    return {"episodes": episodes, "steps": run.steps().to_pylist(), "one_by_one": one_by_one}

before = content(Run(sys.argv[1]))
store = RunStore(__import__("pathlib").Path(sys.argv[1]))
ids = [bytes.fromhex(row["episode_id"]) for row in before["episodes"]]
assert not any(store.missing(ids)), "what was collected is owed again"
store.finish()
store.close()
json.dump([before, content(Run(sys.argv[1]))], sys.stdout)
"""

PLAY = """
import sys
from pathlib import Path
from tests.trajectories.fixtures.make import SECTIONS
from tests.exporters.runs import play_scenarios

play_scenarios(Path(sys.argv[1]), SECTIONS, ["scripted:random"], seeds=5, finish=sys.argv[2] == "finish")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    name = f"schema_{SCHEMA_VERSION}"
    return Path(shutil.copytree(FIXTURES / name, tmp_path / name))


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a copy of infraray lies whose schema has a column more for episodes and for steps."""
    place = tmp_path_factory.mktemp("later")
    source = Path(infraray.__file__).parent
    shutil.copytree(source, place / "infraray", ignore=shutil.ignore_patterns("__pycache__"))
    edits = {
        "version.py": {f"SCHEMA_VERSION = {SCHEMA_VERSION}\n": f"SCHEMA_VERSION = {LATER}\n"},
        "trajectories/schema.py": {
            "EPISODE_COLUMNS = (\n": (
                f'EPISODE_COLUMNS = (Column("energy_j", pa.float64(), "J", "energy", since={LATER}),\n'
            ),
            'Column("reward", ': f'Column("watts", pa.float64(), "W", "power", since={LATER}),\n    Column("reward", ',
        },
        "trajectories/encoding.py": {
            '"run": run,': '"run": run, "energy_j": 5.0,',
            '"index": np': '"watts": [2.0] * len(steps), "index": np',
        },
    }
    for name, changes in edits.items():
        path = place / "infraray" / name
        text = path.read_text()
        for before, after in changes.items():
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        path.write_text(text)
    return place


def run_there(place: Path, script: str, *arguments: object) -> str:
    """What a script prints with the infraray of a folder."""
    search_path = f"{place}{os.pathsep}{Path(__file__).parents[2]}"
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": search_path}, cwd=place, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def content(folder: Path) -> dict[str, list]:
    episodes = [{**row, "started_at": str(row["started_at"])} for row in Run(folder).episodes().to_pylist()]
    return {"episodes": episodes, "steps": Run(folder).steps().to_pylist()}


def test_this_version_reads_the_folder_that_is_kept(folder: Path) -> None:
    found = content(folder)
    assert [row["scenario"] for row in found["episodes"]] == ["load_balance"] * 3 + ["abr"] * 3
    assert list(folder.glob("segments/*.arrows")) and list(folder.glob("episodes/*.parquet"))
    assert len(found["steps"]) == sum(row["steps"] for row in found["episodes"])
    store = RunStore(folder)
    store.finish()
    store.close()
    assert content(folder) == found


def test_a_column_of_a_later_version_is_null_in_a_folder_of_this_one(folder: Path, later: Path) -> None:
    here = content(folder)
    for found in json.loads(run_there(later, READ, folder)):  # before and after its segments became Parquet
        assert len(found["episodes"]) == 6
        for row in found["episodes"]:
            assert row.pop("energy_j", 0) is None
        for row in found["steps"]:
            assert row.pop("watts", 0) is None
        assert {name: found[name] for name in here} == here
        assert [row for row, _ in found["one_by_one"]] == [{**row, "energy_j": None} for row in here["episodes"]]
        assert all(step["watts"] is None for _, steps in found["one_by_one"] for step in steps)
    assert pq.read_schema(next(folder.glob("episodes/*.parquet"))).metadata[b"infraray_schema_version"] == HERE


def test_a_folder_of_this_version_is_gone_on_with_by_a_later_one(folder: Path, later: Path) -> None:
    """Old and new files stand side by side."""
    before = content(folder)["episodes"]
    run_there(later, PLAY, folder, "finish")
    _, found = json.loads(run_there(later, READ, folder))
    energies = {row["episode_id"]: row["energy_j"] for row in found["episodes"]}
    old = {row["episode_id"] for row in before}
    assert {energies[identity] for identity in old} == {None}
    assert {energies[identity] for identity in energies.keys() - old} == {5.0}


@pytest.mark.parametrize("state", ["finish", "leave open"])
def test_a_folder_of_a_later_version_is_refused_in_one_line(tmp_path: Path, later: Path, state: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run_there(later, PLAY, folder, state)
    newer = f"was written with schema {LATER}; upgrade infraray"
    with pytest.raises(InfrarayError, match=f"^{folder}: {newer}$"):
        Run(folder)
    # Where only files are newer, as in a folder that was put together, they say so themselves.
    manifest = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**manifest, "schema_version": SCHEMA_VERSION}))
    with pytest.raises(InfrarayError, match=rf"^{folder}/(episodes|segments)/\S+: {newer}$"):
        Run(folder).episodes()
    with pytest.raises(InfrarayError, match=rf"^{folder}/(episodes|segments)/\S+: {newer}$"):
        RunStore(folder)


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_folders_of_all_earlier_versions_are_read_and_gone_on_with(tmp_path: Path, version: int) -> None:
    name = f"schema_{version}"
    older = Path(shutil.copytree(FIXTURES / name, tmp_path / name))
    before = content(older)["episodes"]
    assert len(before) == 6 and all(row["rollout"] is None for row in before)
    store = RunStore(older)
    assert not any(store.missing([bytes.fromhex(row["episode_id"]) for row in before]))
    store.finish()
    store.close()
    assert content(older)["episodes"] == before
