"""A training's start knows which weights it goes on from, and who made them."""

from pathlib import Path

from infraray.training.starts import CHECKPOINTS, Start, checkpoints, latest_checkpoint, note_start


def save(folder: Path, step: int) -> None:
    weights = folder / CHECKPOINTS / f"global_step_{step}" / "actor" / "huggingface"
    weights.mkdir(parents=True, exist_ok=True)
    (weights / "model.safetensors").touch()
    (folder / CHECKPOINTS / "latest_checkpointed_iteration.txt").write_text(str(step))


def test_weights_belong_to_the_start_that_made_them(tmp_path):
    assert note_start(tmp_path) == Start(0, 0, 0)
    save(tmp_path, 10)  # and killed at 13
    assert note_start(tmp_path) == Start(1, 10, 0)
    assert note_start(tmp_path) == Start(2, 10, 0)  # it was killed before its next checkpoint
    save(tmp_path, 20)
    assert note_start(tmp_path) == Start(3, 20, 2)


def test_a_start_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    assert note_start(tmp_path) == Start(0, 0, 0)
    assert note_start(tmp_path) == Start(1, 0, 0)


def test_only_whole_checkpoints_count(tmp_path):
    assert latest_checkpoint(tmp_path) == 0 and checkpoints(tmp_path) == {}
    save(tmp_path, 10)
    save(tmp_path, 9)
    (tmp_path / CHECKPOINTS / "global_step_12" / "actor" / "huggingface").mkdir(parents=True)
    assert list(checkpoints(tmp_path)) == [9, 10] and latest_checkpoint(tmp_path) == 9
