"""What is collected survives; what is torn is owed; nothing is there twice."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from infraray.episodes import Trajectory
from infraray.errors import InfrarayError
from infraray.trajectories import store as store_module
from infraray.trajectories.encoding import decode, to_batch
from infraray.trajectories.index import EpisodeIndex
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.reader import Run
from infraray.trajectories.segments import SegmentDamage, SegmentWriter, read_messages
from infraray.trajectories.store import RunStore, write_manifest
from infraray.version import SCHEMA_VERSION
from tests.trajectories.episodes import message, trajectory


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    write_manifest(tmp_path / "run", Manifest(name="test"))
    return tmp_path / "run"


def seeds_in(run_dir: Path) -> list[int]:
    return sorted(Run(run_dir).episodes().column("seed").to_pylist())


def check_steps_belong_to_episodes(run_dir: Path) -> None:
    episodes, steps = Run(run_dir).episodes(), Run(run_dir).steps()
    expected = dict(zip(episodes.column("episode_id").to_pylist(), episodes.column("steps").to_pylist(), strict=True))
    counted = {identity: 0 for identity in expected}
    for identity in steps.column("episode_id").to_pylist():
        counted[identity] += 1
    assert counted == expected


def test_an_episode_is_visible_while_the_run_goes_on_and_after_it(run_dir: Path) -> None:
    store = RunStore(run_dir)
    store.append(message(1, 2))
    assert seeds_in(run_dir) == [1, 2]
    check_steps_belong_to_episodes(run_dir)
    store.finish()
    assert seeds_in(run_dir) == [1, 2]
    check_steps_belong_to_episodes(run_dir)
    assert list(run_dir.glob("segments/*")) == []
    store.close()


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_segment_that_becomes_parquet_while_it_is_read_gives_each_episode_once(run_dir: Path, read: int) -> None:
    """Two segments; both are compacted when ``read`` batches are read."""
    for seeds in ((1, 2), (3, 4)):
        other = run_dir.with_name(f"run-{seeds[0]}")
        with closing(RunStore(other)) as store:
            store.append(message(*seeds))
        shutil.copytree(other / "segments", run_dir / "segments", dirs_exist_ok=True)
    batches = Run(run_dir).episode_batches(["seed"])
    found = [seed for _ in range(read) for seed in next(batches)["seed"].to_pylist()]
    with closing(RunStore(run_dir)) as store:
        store.finish()
    found += [seed for batch in batches for seed in batch["seed"].to_pylist()]
    assert sorted(found) == [1, 2, 3, 4]


def test_an_episode_that_arrives_twice_is_stored_once(run_dir: Path) -> None:
    store = RunStore(run_dir)
    assert store.append(message(1, 2)) == 2
    assert store.append(message(1, 2)) == 0
    assert store.append(message(2, 3)) == 1
    store.finish()
    assert store.append(message(3, 4)) == 1
    store.finish()
    store.close()
    assert seeds_in(run_dir) == [1, 2, 3, 4]
    check_steps_belong_to_episodes(run_dir)


def test_an_episode_that_is_twice_in_one_message_is_stored_once(run_dir: Path) -> None:
    with closing(RunStore(run_dir)) as store:
        assert store.append(message(1, 2, 1)) == 2
        store.finish()
    assert seeds_in(run_dir) == [1, 2]
    check_steps_belong_to_episodes(run_dir)


def test_a_segment_cut_at_any_byte_gives_the_whole_messages_before_the_cut(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a.arrows")
    messages = [message(1), message(2, 3), message(4)]
    ends = []
    for each in messages:
        writer.append(each)
        ends.append(writer.size_bytes)
    writer.close()
    whole = (tmp_path / "a.arrows").read_bytes()
    shutil.copy(tmp_path / "a.crc32", tmp_path / "b.crc32")
    for size in [*range(ends[0] - 40, ends[0] + 40), *range(len(whole) - 300, len(whole) + 1, 7), *ends]:
        (tmp_path / "b.arrows").write_bytes(whole[:size])
        damage = SegmentDamage()
        found = list(read_messages(tmp_path / "b.arrows", damage))
        assert found == [each.body for each, end in zip(messages, ends, strict=True) if end <= size]
        assert sum(decode(body).num_rows for body in found) == sum(
            len(each.ids) for each, end in zip(messages, ends, strict=True) if end <= size
        )


def test_a_flipped_byte_costs_only_the_message_that_holds_it(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a.arrows")
    first, second = message(1), message(2)
    writer.append(first)
    middle = writer.size_bytes - len(first.body) // 2
    writer.append(second)
    writer.close()
    damaged = bytearray((tmp_path / "a.arrows").read_bytes())
    damaged[middle] ^= 0x10
    (tmp_path / "a.arrows").write_bytes(damaged)
    damage = SegmentDamage()
    assert list(read_messages(tmp_path / "a.arrows", damage)) == [second.body]
    assert damage == SegmentDamage(torn_bytes=0, corrupt_messages=1)


def test_a_torn_segment_becomes_parquet_and_its_lost_episode_is_owed_again(run_dir: Path) -> None:
    store = RunStore(run_dir)
    store.append(message(1, 2))
    store.append(message(3))
    store.close()
    (segment,) = run_dir.glob("segments/*.arrows")
    os.truncate(segment, segment.stat().st_size - 5)
    store = RunStore(run_dir)
    assert store.missing([trajectory(seed).spec.id for seed in (1, 2, 3)]) == [False, False, True]
    store.append(message(3))
    store.finish()
    store.close()
    assert seeds_in(run_dir) == [1, 2, 3]
    (damage,) = run_dir.glob("segments/*.damage.json")
    assert json.loads(damage.read_text())["torn_bytes"] > 0


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_death_at_any_moment_of_compaction_loses_and_doubles_nothing(
    run_dir: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(run_dir)
    store.append(message(1, 2))

    class Death(BaseException):
        pass

    done = 0
    replace = os.replace

    def die_after(source: Path, target: Path) -> None:
        nonlocal done
        if done == renames:
            raise Death
        done += 1
        replace(source, target)

    def die(*_: object, **__: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr("infraray.trajectories.compaction.os.replace", die_after)
        if renames == 2:
            patch.setattr("pathlib.Path.unlink", die)
        with pytest.raises(Death):
            store.finish()
    store.close()
    assert seeds_in(run_dir) == [1, 2]
    store = RunStore(run_dir)
    assert store.append(message(1, 2, 3)) == 1
    store.finish()
    store.close()
    assert seeds_in(run_dir) == [1, 2, 3]
    check_steps_belong_to_episodes(run_dir)


def test_segments_are_compacted_when_they_have_grown(run_dir: Path) -> None:
    store = RunStore(run_dir, segment_bytes=1)
    for seed in range(5):
        store.append(message(seed))
    store.finish()
    store.close()
    assert len(list(run_dir.glob("episodes/*.parquet"))) == 5
    assert seeds_in(run_dir) == [0, 1, 2, 3, 4]


def test_two_runs_cannot_write_to_one_folder(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LOCK_WAIT_S", 0.2)
    store = RunStore(run_dir)
    with pytest.raises(InfrarayError, match=rf"process {os.getpid()} on .* is writing to this run"):
        RunStore(run_dir)
    store.close()
    RunStore(run_dir).close()


def test_a_failed_write_leaves_the_segment_as_it_was(run_dir: Path) -> None:
    """With the kernel's own limit on file sizes as the full disk."""
    script = f"""
import resource, signal
from pathlib import Path
from infraray.errors import InfrarayError
from infraray.trajectories.store import RunStore
from tests.trajectories.episodes import message
store = RunStore(Path({str(run_dir)!r}))
first, second = message(1), message(*range(2, 12))
store.append(first)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (store._writer.size_bytes + 100, unlimited[1]))
try:
    store.append(second)
except InfrarayError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
store.append(message(12))
store.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "cannot be written: File too large; what was written is safe" in done.stdout
    assert done.stdout.count("\n") == 1
    assert seeds_in(run_dir) == [1, 12]


def test_a_damaged_parquet_file_is_named(run_dir: Path) -> None:
    store = RunStore(run_dir)
    store.append(message(1))
    store.finish()
    store.close()
    (part,) = run_dir.glob("episodes/*.parquet")
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(InfrarayError, match=r"episodes/part-.*is damaged.*delete it"):
        RunStore(run_dir)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfrarayError, match="holds no run"):
        Run(tmp_path)


def test_the_index_knows_exactly_what_it_was_given() -> None:
    ids = [os.urandom(15) + bytes([number % 3]) for number in range(200_000)]
    index = EpisodeIndex()
    index.add(ids[:100_000])
    index.add(ids[100_000:150_000])
    assert len(index) == 150_000
    missing = index.missing(ids)
    assert not any(missing[:150_000])
    assert all(missing[150_000:])


def test_every_column_has_a_description_and_survives_parquet(run_dir: Path) -> None:
    store = RunStore(run_dir)
    store.append(message(1))
    store.finish()
    store.close()
    for kind in ("episodes", "steps"):
        (part,) = run_dir.glob(f"{kind}/*.parquet")
        schema = pa.parquet.read_schema(part)
        assert schema.metadata[b"infraray_schema_version"] == str(SCHEMA_VERSION).encode()
        assert all(field.metadata[b"description"] and b"unit" in field.metadata for field in schema)


def test_an_engines_token_is_not_stored_and_no_part_of_the_identity() -> None:
    played = trajectory(1)

    def with_token(token: str) -> Trajectory:
        parameters = {**played.spec.entry.parameters, "env": {"HF_TOKEN": token, "HF_HOME": "/models"}}
        return replace(played, spec=replace(played.spec, entry=replace(played.spec.entry, parameters=parameters)))

    (row,) = to_batch("test", [with_token("hf_abc")]).to_pylist()
    assert json.loads(row["parameters"])["env"] == {"HF_TOKEN": "...", "HF_HOME": "/models"}
    assert "hf_abc" not in str(row)
    assert with_token("hf_abc").spec.id == with_token("hf_def").spec.id != played.spec.id
