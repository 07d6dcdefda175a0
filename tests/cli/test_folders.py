"""The folders that commands are given: a blank name is none, and a run and a study never share one."""

import itertools
from pathlib import Path

import pytest

import infraray
from infraray.errors import InfrarayError
from infraray.rescoring import rescore
from infraray.trajectories.exporters.export import export
from infraray.trajectories.reader import Run
from infraray.tune.search import search
from tests.exporters.runs import SCRIPTED, play_run
from tests.tune.test_report import make_study

STUDY = {"name": "s", "scenario": "caching", "agents": ["scripted:s3_fifo"], "budget": {"trials": 1}}
RUN = {"name": "r", "scenarios": ["load_balance"], "agents": ["scripted:random"], "seeds": 1}

BLANK = ("", " ", "\t ")
UNREACHABLE = {"x" * 300: "File name too long", "taken/inside": "Not a directory"}
COMMANDS = {
    "--out": [
        ("run", "--scenario", "load_balance", "--agent", "scripted:random", "--out"),
        ("run", "--check", "--scenario", "load_balance", "--agent", "scripted:random", "-o"),
        ("search", "--scenario", "caching", "--agent", "scripted:s3_fifo", "--out"),
        ("export", "runs/x", "--to", "chat", "--out"),
        ("bench", "http://127.0.0.1:1", "--out"),
        ("rescore", "runs/x", "--out"),
    ],
    "--folder": [("new", "scenario", "mine", "--folder")],
    "FILE": [("run",), ("search",)],
    "FOLDER": [("report",)],
    "RUN": [("export", "--to", "chat"), ("rescore",)],
}


@pytest.mark.parametrize(
    ("argument", "given", "blank"),
    [
        (name, given, blank)
        for name, all_given in COMMANDS.items()
        for given, blank in itertools.product(all_given, BLANK)
    ],
)
def test_a_blank_path_is_refused_with_the_arguments_name(
    command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, given: tuple[str, ...], blank: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = command(*given, blank)
    assert (said.status, said.out, said.error.count("\n")) == (2, "", 1)
    assert said.error.startswith(f"error: {argument}={blank!r}: is blank; give a path")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argument", "given"), [(name, given) for name, all_given in COMMANDS.items() for given in all_given]
)
@pytest.mark.parametrize("path", UNREACHABLE)
def test_a_path_where_nothing_can_be_is_refused_with_the_arguments_name(
    command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, given: tuple[str, ...], path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    said = command(*given, path)
    assert (said.status, said.out) == (2, "")
    assert said.error == f"error: {argument}={path!r}: cannot be reached ({UNREACHABLE[path]}); give another path\n"
    assert [found.name for found in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("given", [*BLANK, "a\0b", *UNREACHABLE])
def test_the_functions_refuse_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    played = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    for call in (
        lambda: infraray.run(RUN, out=given),
        lambda: search(STUDY, out=given),
        lambda: rescore(played.path, out=given),
        lambda: export(played.path, "chat", out=given),
        lambda: Run(given),
    ):
        with pytest.raises(InfrarayError, match=r"is blank|holds a NUL|cannot be reached"):
            call()


def test_a_search_into_a_runs_folder_is_refused_and_changes_nothing(command, tmp_path: Path) -> None:
    played = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    before = sorted(played.path.rglob("*"))
    for given in (("--out", played.path), ("--out", f"{played.path}/")):
        said = command("search", "--scenario", "caching", "--agent", "scripted:s3_fifo", *given)
        assert said.status == 2
        assert (
            said.error
            == f"error: {played.path}: holds a run, and a study needs a folder of its own; choose another --out\n"
        )
    (played.path / "run.json").unlink()
    assert command("search", "--scenario", "caching", "--agent", "scripted:s3_fifo", *given).status == 2
    assert sorted(played.path.rglob("*")) == [path for path in before if path.name != "run.json"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study") / "bowls", "random", 3)


def test_a_run_into_a_studys_folder_is_refused(command, study: Path, tmp_path: Path) -> None:
    before = sorted(study.rglob("*"))
    for more in ((), ("--check",)):
        said = command("run", "--scenario", "load_balance", "--agent", "scripted:random", "--out", study, *more)
        assert (
            said.error == f"error: {study}: holds a study, and a run needs a folder of its own; choose another --out\n"
        )
    assert sorted(study.rglob("*")) == before
    # A search that was killed before it described itself.
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "trials.jsonl").touch()
    assert (
        "holds a study" in command(*("run", "--scenario", "caching", "--agent", "scripted:lru", "--out", begun)).error
    )


def test_a_study_is_reported_as_what_it_is(command, study: Path) -> None:
    said = command("report", study)
    assert said.status == 0, said.error
    assert "evaluation seeds; random, 3 trials" in said.out
    assert "The search" in (study / "report" / "index.html").read_text()
    said = command("rescore", study)
    assert said.status == 2
    assert said.error == (
        f"error: {study}: holds a study of measurements, and only answers of agents can be scored again\n"
    )
    assert not study.with_name("bowls-rescored").exists()
    said = command("export", study, "--to", "atif")
    assert said.status == 0 and "episodes with" in said.out
