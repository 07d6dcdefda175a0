"""What of a damaged segment proves itself is kept, what does not is owed again, and both are told."""

import os
import random
import struct
from pathlib import Path

import pyarrow as pa
import pytest

from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.reader import Run
from infraray.trajectories.segments import SegmentDamage, SegmentWriter, read_messages
from infraray.trajectories.store import RunStore, read_repairs
from tests.trajectories.episodes import trajectory
from tests.trajectories.test_store import message, run_dir, seeds_in

__all__ = ["run_dir"]

SEEDS = [[1], [2, 3], [4, 5, 6], [7], [8, 9]]


def written(path: Path) -> list[bytes]:
    """A segment's messages, with ``SEEDS``."""
    writer = SegmentWriter(path)
    messages = [message(*seeds) for seeds in SEEDS]
    for each in messages:
        writer.append(each)
    writer.close()
    return [each.body for each in messages]


def read(path: Path) -> tuple[list[bytes], SegmentDamage]:
    damage = SegmentDamage()
    return list(read_messages(path, damage)), damage


def test_a_missing_log_costs_nothing(tmp_path: Path) -> None:
    bodies = written(tmp_path / "a.arrows")
    (tmp_path / "a.crc32").unlink()
    assert read(tmp_path / "a.arrows") == (bodies, SegmentDamage(unlogged_messages=len(bodies)))


def test_a_log_cut_at_any_byte_costs_nothing(tmp_path: Path) -> None:
    bodies = written(tmp_path / "a.arrows")
    log = (tmp_path / "a.crc32").read_bytes()
    record = len(log) // len(bodies)
    for size in range(len(log)):
        (tmp_path / "a.crc32").write_bytes(log[:size])
        assert read(tmp_path / "a.arrows") == (bodies, SegmentDamage(unlogged_messages=len(bodies) - size // record))


def test_a_log_that_is_rubbish_costs_at_most_what_it_says_is_wrong(tmp_path: Path) -> None:
    bodies = written(tmp_path / "a.arrows")
    for seed in range(20):
        (tmp_path / "a.crc32").write_bytes(random.Random(seed).randbytes(60))
        found, _ = read(tmp_path / "a.arrows")
        assert found == bodies


def test_a_stream_without_a_log_cut_at_any_byte_gives_its_whole_messages(tmp_path: Path) -> None:
    bodies = written(tmp_path / "a.arrows")
    whole = (tmp_path / "a.arrows").read_bytes()
    (tmp_path / "a.crc32").unlink()
    first = len(whole) - sum(map(len, bodies))
    for size in range(0, len(whole), 37):
        (tmp_path / "a.arrows").write_bytes(whole[:size])
        found, damage = read(tmp_path / "a.arrows")
        expected, end = [], first
        for body in bodies:
            end += len(body)
            expected += [body] if end <= size else []
        assert found == expected
        assert damage.torn_bytes == max(0, size - first - sum(map(len, expected)))


@pytest.mark.parametrize("seed", range(8))
def test_damage_in_a_stream_without_a_log_costs_the_message_that_it_hit(tmp_path: Path, seed: int) -> None:
    """Overwritten with zeros, rubbish, a mark of Arrow's, or cut out; at a random place."""
    bodies = written(tmp_path / "a.arrows")
    (tmp_path / "a.crc32").unlink()
    whole = (tmp_path / "a.arrows").read_bytes()
    chance = random.Random(seed)
    hit = chance.randrange(len(bodies))
    start = len(whole) - sum(map(len, bodies[hit:]))
    place = start + 8 * chance.randrange(len(bodies[hit]) // 8 - 16)
    damage = [bytes(64), chance.randbytes(64), b"\xff" * 8 + struct.pack("<i", 2**31 - 1) + bytes(52), b""][seed % 4]
    (tmp_path / "a.arrows").write_bytes(whole[:place] + damage + whole[place + 64 :])
    found, noted = read(tmp_path / "a.arrows")
    assert [body for body in found if body in bodies] == bodies[:hit] + bodies[hit + 1 :]
    assert noted.torn_bytes > 0 or len(found) == len(bodies)


@pytest.mark.parametrize(
    "change",
    [{"steps": 3}, {"return": 1e6}, {"status": "lost"}, {"episode_id": "zz"}, {"episode_id": "00"}],
)
def test_episodes_that_contradict_their_steps_do_not_prove_themselves(tmp_path: Path, change: dict) -> None:
    batch = to_batch("x", [trajectory(1)])
    ((name, value),) = change.items()
    position = batch.schema.get_field_index(name)

    batch = batch.set_column(
        position, batch.schema.field(position), pa.array([value], batch.schema.field(position).type)
    )
    writer = SegmentWriter(tmp_path / "a.arrows")
    writer.append(encode(batch, [bytes(16)]))
    writer.close()
    (tmp_path / "a.crc32").unlink()
    found, damage = read(tmp_path / "a.arrows")
    assert found == [] and damage.torn_bytes > 0


def test_a_folder_whose_log_is_lost_keeps_its_episodes_and_says_so(run_dir: Path) -> None:
    store = RunStore(run_dir)
    for seed in range(251):
        store.append(message(seed))
    store.close()
    (log,) = run_dir.glob("segments/*.crc32")
    log.unlink()
    assert Run(run_dir).episodes().num_rows == 251
    store = RunStore(run_dir)
    (line,) = store.repairs
    assert line.startswith("segments/seg-") and line.endswith(
        ": 251 messages without a checksum are whole in themselves and were kept"
    )
    assert not any(store.missing([trajectory(seed).spec.id for seed in range(251)]))
    store.finish()
    store.close()
    assert seeds_in(run_dir) == list(range(251))
    assert read_repairs(run_dir) == [line]


def test_what_was_lost_is_told_when_the_folder_is_opened_and_in_every_report_after(run_dir: Path) -> None:
    store = RunStore(run_dir)
    store.append(message(1))
    end = next(run_dir.glob("segments/*.arrows")).stat().st_size
    store.append(message(2, 3))
    store.append(message(4))
    store.close()
    (segment,) = run_dir.glob("segments/*.arrows")
    with segment.open("r+b") as file:
        file.seek(end + 500)
        file.write(b"\0" * 64)
    os.truncate(segment, segment.stat().st_size - 5)
    store = RunStore(run_dir)
    (line,) = store.repairs
    assert ": 1 damaged messages and " in line and "owed again" in line
    assert store.missing([trajectory(seed).spec.id for seed in (1, 2, 3, 4)]) == [False, True, True, True]
    store.finish()
    store.close()
    assert read_repairs(run_dir) == [line]
    again = RunStore(run_dir)
    assert again.repairs == [], "is told once"
    again.close()
