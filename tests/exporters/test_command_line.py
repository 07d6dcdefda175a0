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
    told = (tmp_path / "run" / "exports" / "chat.jsonl").read_text().splitlines()
    assert {json.loads(line)["metadata"]["scenario_label"] for line in told} == {"now"}
    status, out, _ = infraray(capsys, monkeypatch, "rescore", tmp_path / "run")
    assert (status, out.rpartition("; ")[2]) == (0, "left out: 2 of an earlier plan\n")
    assert set(Run(tmp_path / "run-rescored").episodes()["scenario_label"].to_pylist()) == {"now"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("export", "nowhere", "--to", "chat"), "error: nowhere: holds no run"),
        (("export", "RUN", "--to", "otlp", "--header", "x"), "error: --header 'x': must look like NAME=VALUE"),
        (("export", "RUN", "--to", "chats"), "error: --to 'chats': did you mean chat?"),
        (("rescore", "nowhere"), "error: nowhere: holds no run"),
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
