"""What users read runs with opens them as they are."""

from pathlib import Path

import pandas
import pytest

from infraray.trajectories.manifest import Manifest
from infraray.trajectories.schema import EPISODES, STEPS
from infraray.trajectories.store import RunStore, write_manifest
from tests.trajectories.episodes import message


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    write_manifest(path, Manifest(name="test"))
    for seeds in ((1, 2), (3,)):  # two files
        store = RunStore(path)
        store.append(message(*seeds))
        store.finish()
        store.close()
    return path


def test_polars(run_dir: Path) -> None:
    import polars

    episodes = polars.read_parquet(run_dir / "episodes" / "*.parquet")
    steps = polars.read_parquet(run_dir / "steps" / "*.parquet")
    assert episodes.columns == EPISODES.names and steps.columns == STEPS.names
    joined = steps.join(episodes, on="episode_id").group_by("seed").agg(polars.col("reward").sum()).sort("seed")
    assert joined["reward"].to_list() == pytest.approx(episodes.sort("seed")["return"].to_list())


def test_duckdb(run_dir: Path) -> None:
    import duckdb

    rows = duckdb.sql(
        f"select seed, count(*) from '{run_dir}/steps/*.parquet' join '{run_dir}/episodes/*.parquet' "
        "using (episode_id) group by seed order by seed"
    ).fetchall()
    assert rows == [(1, 7), (2, 7), (3, 7)]


def test_pandas(run_dir: Path) -> None:
    episodes = pandas.read_parquet(run_dir / "episodes")
    steps = pandas.read_parquet(run_dir / "steps")
    assert sorted(episodes["seed"]) == [1, 2, 3]
    assert str(episodes["started_at"].dtype) == "datetime64[us, UTC]"
    assert len(steps["numeric_observation"].iloc[0]) == 16


def test_hugging_face_datasets(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    loaded = {
        kind: datasets.load_dataset("parquet", data_dir=str(run_dir / kind), split="train", cache_dir=str(tmp_path))
        for kind in ("episodes", "steps")
    }
    assert sorted(loaded["episodes"]["seed"]) == [1, 2, 3]
    assert loaded["steps"][0]["text_observation"].startswith("Time ")
    assert len(loaded["steps"][0]["numeric_observation"]) == 16
