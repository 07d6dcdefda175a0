"""Data for fine-tuning holds good episodes alone, in sets, and no task that is evaluated."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from infraray.errors import InfrarayError
from infraray.trajectories.exporters import sft
from infraray.trajectories.exporters.export import export
from tests.exporters.runs import SCRIPTED, TALKER, play_run


def exported(run: Path, **options) -> list[dict]:
    export(run, "sft", quiet=True, **options)
    return pq.read_table(run / "exports" / "sft.parquet").to_pylist()


def test_chats_are_parquet_with_messages(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=3)
    rows = exported(run.path)
    assert [row["metadata"]["seed"] for row in rows] == [0, 1, 2]
    assert [message["role"] for message in rows[0]["messages"]][:3] == ["system", "user", "assistant"]


def test_seed_of_an_evaluation_is_refused_by_its_number_and_leaves_no_file(tmp_path: Path) -> None:
    train = play_run(tmp_path / "train", SCRIPTED, seeds=3)
    play_run(tmp_path / "apart", SCRIPTED, seeds="100:102")
    play_run(tmp_path / "evaluation", TALKER, seeds="2:4", label="other", parameters={"num_servers": 2})
    assert len(exported(train.path, evaluation=[tmp_path / "apart"])) == 3
    (train.path / "exports" / "sft.parquet").unlink()
    with pytest.raises(InfrarayError, match=r"seed 2 of load_balance is evaluated in .*evaluation: export a run with"):
        exported(train.path, evaluation=[tmp_path / "apart", tmp_path / "evaluation"])
    assert list((train.path / "exports").iterdir()) == []


def test_only_good_episodes_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, "scripted:random", seeds=4)
    scores = sorted(run.episodes().column("normalized_score").to_pylist())
    least = scores[4]
    rows = exported(run.path, least_score=least)
    assert sorted(row["metadata"]["normalized_score"] for row in rows) == scores[4:]
    said = export(run.path, "sft", quiet=True, least_score=least)
    assert said.endswith(f"left out: 4 with a normalised score below {least:g}")
    # Load balancing says nothing of correctness: then nothing is known to be correct.
    assert export(run.path, "sft", quiet=True, correct_only=True).endswith("left out: 8 not correct")


def test_set_has_each_task_once_and_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sft, "SETS", {"mixed": {1: 2}, "level-2": {2: 1}})
    run = play_run(tmp_path / "run", SCRIPTED, TALKER, seeds=3)
    rows = exported(run.path, task_set="mixed")
    assert len({row["metadata"]["seed"] for row in rows}) == len(rows) == 2
    with pytest.raises(InfrarayError, match="--set level-2: needs 1 tasks of level 2, the run has 0 good ones"):
        exported(run.path, task_set="level-2")
    with pytest.raises(InfrarayError, match="--set 'mixt': did you mean mixed"):
        exported(run.path, task_set="mixt")


def test_options_of_sft_are_refused_elsewhere(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with pytest.raises(InfrarayError, match="--set: goes with --to sft, not with --to chat"):
        export(run.path, "chat", quiet=True, task_set="mixed")
