"""The commands ``export`` and ``rescore`` as a stranger meets them."""

import json
from pathlib import Path

import pytest

from infraray.cli import main
from infraray.trajectories.reader import Run
from tests.exporters.receiver import receiving
from tests.exporters.runs import SCRIPTED, TALKER, play_run


def infraray(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["infraray", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "160")
    with pytest.raises(SystemExit) as end:
        main()
    out, error = capsys.readouterr()
    return end.value.code or 0, out, error


def test_export_and_rescore(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, TALKER, seeds=1)
    with receiving() as receiver:
        sent = ("--to", "otlp", "--endpoint", receiver.url, "--header", "x-key=a=b", "--agent", SCRIPTED)
        status, out, error = infraray(capsys, monkeypatch, "export", run.path, *sent)
        assert (status, error) == (0, "")
        assert out == f"1 episodes sent as 1 traces with 7 spans to {receiver.url}/v1/traces\n"
        assert receiver.requests[0][1]["x-key"] == "a=b"
    status, out, _ = infraray(capsys, monkeypatch, "export", run.path, "--to", "chat", "--valid-only")
    assert (status, out.partition(" to ")[0]) == (0, "2 episodes with 12 steps written")
    status, out, _ = infraray(capsys, monkeypatch, "rescore", run.path)
    assert status == 0
    assert "what changed" in out
    assert "0 of 1" in out
    assert "2 episodes rescored into" in out
    assert "0 changed, 0 of them diverged" in out


def test_episodes_of_an_earlier_plan_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_run(tmp_path / "run", SCRIPTED, TALKER, label="before")
    play_run(tmp_path / "run", SCRIPTED, label="now")
    assert set(Run(tmp_path / "run").episodes()["scenario_label"].to_pylist()) == {"before"}
    for to in ("chat", "atif"):
        status, out, _ = infraray(capsys, monkeypatch, "export", tmp_path / "run", "--to", to, "--scenario", "now")
        assert (status, out.partition(" with ")[0]) == (0, "2 episodes")
        status, out, _ = infraray(capsys, monkeypatch, "export", tmp_path / "run", "--to", to)
        assert (status, out.rpartition("; ")[2]) == (0, "left out: 2 of an earlier plan\n")
    told = (tmp_path / "run" / "exports" / "chat.jsonl").read_bytes().split(b"\n")[:-1]
    assert {json.loads(line)["metadata"]["scenario_label"] for line in told} == {"now"}
    status, out, _ = infraray(capsys, monkeypatch, "rescore", tmp_path / "run")
    assert (status, out.rpartition("; ")[2]) == (0, "left out: 2 of an earlier plan\n")
    assert set(Run(tmp_path / "run-rescored").episodes()["scenario_label"].to_pylist()) == {"now"}


@pytest.mark.parametrize(
    "arguments", [("export", "--to", "chat"), ("export", "--to", "atif"), ("export", "--to", "otlp"), ("rescore",)]
)
@pytest.mark.parametrize("lost", ["steps", "episodes and steps", "half the steps"])
def test_what_is_missing_is_named_and_not_the_output(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    lost: str,
) -> None:
    run = play_run(tmp_path / "run", SCRIPTED)
    for part in run.path.glob("steps/*.parquet"):
        if lost == "half the steps":
            part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
        else:
            part.unlink()
    if lost == "episodes and steps":
        for part in run.path.glob("episodes/*.parquet"):
            part.write_bytes(b"nothing")
    status, _, error = infraray(capsys, monkeypatch, arguments[0], run.path, *arguments[1:])
    assert status == 2
    assert error.startswith(f"error: {run.path}/episodes/") and error.count("\n") == 1
    assert "--out" not in error and "cannot be written" not in error
    assert not list(run.path.glob("exports/*.jsonl*")) and not (tmp_path / "run-rescored").exists()


@pytest.mark.parametrize("to", ["chat", "atif"])
def test_an_output_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    (tmp_path / "file").touch()
    folder = tmp_path / "folder"
    (folder / f"{run.episodes()['episode_id'][0].as_py()}.json").mkdir(parents=True)
    for out in (folder, tmp_path / "file" / "inside", *([tmp_path / "file"] if to == "atif" else [])):
        status, _, error = infraray(capsys, monkeypatch, "export", run.path, "--to", to, "--out", out)
        assert status == 2
        assert str(out) in error and error.count("\n") == 1
        assert "cannot be written" in error or "cannot be reached (Not a directory)" in error
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("export", "nowhere", "--to", "chat"), "error: nowhere: holds no run"),
        (("export", "RUN", "--to", "otlp", "--header", "x"), "error: --header 'x': must look like NAME=VALUE"),
        (("export", "RUN", "--to", "chats"), "error: --to 'chats': did you mean chat?"),
        (("rescore", "nowhere"), "error: nowhere: holds no run"),
        (("rescore", "RUN", "--scenario", "third"), "has no scenario 'third'; it has load_balance"),
        (("rescore", "RUN", "--out", "RUN"), "exists already; delete it or choose another --out"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    given = [str(run.path) if argument == "RUN" else argument for argument in arguments]
    status, _, error = infraray(capsys, monkeypatch, *given)
    assert status == 2
    assert expected in error
    assert error.count("\n") == 1
