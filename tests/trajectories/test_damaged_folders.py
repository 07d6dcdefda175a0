"""A user's folder is never half-believed: each command is right, or names the file in one line; a re-run completes."""

import json
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infraray.episodes import EpisodePlayer
from infraray.errors import InfrarayError
from infraray.reports.report import report
from infraray.rescoring import rescore
from infraray.runs.plan import Plan
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.exporters.export import export
from infraray.trajectories.reader import Run
from infraray.trajectories.store import RunStore, open_folder, write_manifest

Damage = Callable[[Path], object]


def plan() -> Plan:
    scenario = {"scenario": "load_balance", "parameters": {"warmup_steps": 1, "scored_steps": 4}}
    agents = ["scripted:random", "scripted:round_robin"]
    return make_plan(RunSpec.parse({"name": "small", "scenarios": [scenario], "agents": agents, "seeds": 3}))


def play(folder: Path, segment_bytes: int = 1) -> None:
    """What `infraray run` does with a folder, without Ray."""
    open_folder(folder, "small")
    player = EpisodePlayer(60, 0)
    with closing(RunStore(folder, segment_bytes)) as store:
        about = {"infraray_version": "0", "created_at": "2026-01-01T00:00:00+00:00"}
        write_manifest(folder, plan().manifest().model_copy(update=about))
        specs = list(plan().episodes())
        for spec, absent in zip(specs, store.missing([spec.id for spec in specs]), strict=True):
            if absent:
                store.append(encode(to_batch("small", [player.play(spec)]), [spec.id]))
        store.finish()


def reported(folder: Path) -> list[tuple[str, float, int]]:
    (scenario,) = report(folder).scenarios
    return [(row.agent, row.score.value, row.episodes) for row in scenario.leaderboard.rows]


def exported(folder: Path) -> int:
    export(folder, "atif", out=folder / "out", quiet=True)
    return len(list((folder / "out").rglob("*.json")))


def rescored(folder: Path) -> list[tuple[str, float, int]]:
    rescore(folder, folder / "again", quiet=True)
    return reported(folder / "again")


def read(folder: Path) -> tuple[list[str], int]:
    run = Run(folder)
    return sorted(run.episodes()["episode_id"].to_pylist()), run.steps().num_rows


COMMANDS: list[Callable[[Path], object]] = [reported, exported, rescored, read]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "small"
    play(folder)
    return folder


@pytest.fixture(scope="module")
def expected(whole: Path) -> list[object]:
    return [command(whole) for command in COMMANDS]


def part(folder: Path, kind: str, position: int = 0) -> Path:
    return sorted(folder.glob(f"{kind}/*.parquet"))[position]


def cut(kind: str, share: float) -> Damage:
    def damage(folder: Path) -> None:
        path = part(folder, kind)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return damage


def flip(kind: str, seed: int) -> Damage:
    def damage(folder: Path) -> None:
        path = part(folder, kind)
        content = bytearray(path.read_bytes())
        content[random.Random(seed).randrange(4, len(content) // 2)] ^= 1 << seed % 8
        path.write_bytes(content)

    return damage


def foreign(kind: str) -> Damage:
    return lambda folder: pq.write_table(pa.table({"x": [1, 2]}), folder / kind / "theirs.parquet")


def as_folder(kind: str) -> Damage:
    def damage(folder: Path) -> None:
        path = part(folder, kind)
        path.unlink()
        path.mkdir()

    return damage


def copied(*kinds: str) -> Damage:
    def damage(folder: Path) -> None:
        for kind in kinds:
            for path in folder.glob(f"{kind}/*.parquet"):
                shutil.copy(path, path.with_name(f"copy-of-{path.name}"))

    return damage


def swapped(folder: Path) -> None:
    """Two parts of equal length with each other's steps."""
    one, other = part(folder, "steps", 0), part(folder, "steps", 1)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def as_segment(folder: Path) -> None:
    """A part that is in a segment as well, as after a copy from a machine where it was not compacted."""
    spec = next(plan().episodes())
    other = folder.parent / "other"
    with closing(RunStore(other)) as store:
        store.append(encode(to_batch("small", [EpisodePlayer(60, 0).play(spec)]), [spec.id]))
    for path in (other / "segments").iterdir():
        shutil.copy(path, folder / "segments")


def segment(content: bytes | None) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "segments" / "seg-x.arrows"
        path.mkdir() if content is None else path.write_bytes(content)

    return damage


def manifest(content: bytes) -> Damage:
    return lambda folder: (folder / "run.json").write_bytes(content)


def changed(*place: str, value: object = None) -> Damage:
    """A value of another kind in the manifest; without one, it is missing."""

    def damage(folder: Path) -> None:
        path = folder / "run.json"
        content = json.loads(path.read_text())
        inner = content
        for name in place[:-1]:
            inner = inner[name]
        if value is None:
            del inner[place[-1]]
        else:
            inner[place[-1]] = value
        path.write_text(json.dumps(content))

    return damage


ENTRY = ("scenarios", "load_balance")
FIELDS = ["id", "scenario", "version", "parameters", "options", "level", "score", "observation", "agents", "digests"]
FIELDS += ["seeds", "repetitions", "owed_total", "task_description", "available_actions"]

DAMAGES: dict[str, Damage] = {
    **{f"{kind} cut at {share}": cut(kind, share) for kind in ("episodes", "steps") for share in (0, 0.1, 0.5, 0.99)},
    **{f"{kind} with bit {seed} flipped": flip(kind, seed) for kind in ("episodes", "steps") for seed in range(4)},
    **{f"{kind} of another program": foreign(kind) for kind in ("episodes", "steps")},
    **{f"{kind} as a folder": as_folder(kind) for kind in ("episodes", "steps")},
    "episodes without steps": lambda folder: part(folder, "steps").unlink(),
    "steps without episodes": lambda folder: part(folder, "episodes").unlink(),
    "episodes without any steps": lambda folder: shutil.rmtree(folder / "steps"),
    "steps without any episodes": lambda folder: shutil.rmtree(folder / "episodes"),
    "steps of other episodes": swapped,
    "copied twice": copied("episodes", "steps"),
    "copied twice without steps": copied("episodes"),
    "in a segment as well": as_segment,
    "an empty segment": segment(b""),
    "a segment of another program": segment(b"x" * 100_000),
    "a segment that is a folder": segment(None),
    **{f"run.json {text[:9]!r}": manifest(text) for text in (b"", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 9999)},
    "run.json cut off": lambda folder: manifest((folder / "run.json").read_bytes()[:500])(folder),
    "run.json with a BOM": lambda folder: manifest(b"\xef\xbb\xbf" + (folder / "run.json").read_bytes())(folder),
    "run.json of a newer version": changed("schema_version", value=99),
    "run.json missing": lambda folder: (folder / "run.json").unlink(),
    "run.json as a folder": lambda folder: [(folder / "run.json").unlink(), (folder / "run.json").mkdir()],
    **{f"run.json without {name}": changed(name) for name in ("schema_version", "name", "scenarios", "plan")},
    **{f"run.json with {name} of another kind": changed(name, value=["x"]) for name in ("name", "scenarios", "plan")},
    **{f"run.json without {name} of a scenario": changed(*ENTRY, name) for name in FIELDS},
    **{f"run.json with {name} = 'x'": changed(*ENTRY, name, value="x") for name in FIELDS},
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_folder(damage: Damage, whole: Path, expected: list[object], tmp_path: Path) -> None:
    for command, right in zip(COMMANDS, expected, strict=True):
        folder = tmp_path / command.__name__ / "small"
        shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("out", "again", "report"))
        damage(folder)
        said = attempt(command, folder)
        if said is not None:
            assert str(folder) in said and "\n" not in said, said
        elif right != (found := last_result[0]):
            # Fewer episodes are no lie where the report says that the others are owed.
            assert command is not read or len(found[0]) < len(right[0])  # type: ignore[index, arg-type]
            told = attempt(lambda folder: report(folder).warnings, folder)
            assert last_result[0] if told is None else "none of the 6 planned episodes is collected" in told
    mend(folder)
    assert read(folder) == expected[-1]
    assert reported(folder) == expected[0]


last_result: list[object] = [None]


def attempt(command: Callable[[Path], object], folder: Path) -> str | None:
    """What a command says where it refuses; None where it does not."""
    try:
        last_result[0] = command(folder)
    except InfrarayError as error:
        return str(error)
    return None


def mend(folder: Path) -> None:
    """Plays again, and deletes each file of which the run says that this is what to do."""
    for _ in range(20):
        said = attempt(play, folder) or attempt(read, folder)
        if said is None:
            return
        assert str(folder) in said and "\n" not in said, said
        if "upgrade infraray" in said:
            (folder / "run.json").unlink()
            continue
        if "holds the run" in said:
            (folder / "run.json").unlink()
            continue
        assert "delete it" in said, said
        path = Path(said.partition(": ")[0])
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    raise AssertionError(f"no end: {said}")
