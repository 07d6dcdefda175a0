"""An exporter is one class of a user's, which the command takes by its name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infraray.errors import InfrarayError
from infraray.trajectories.exporters import Exporter, register_exporter
from infraray.trajectories.exporters.export import export
from tests.cli.conftest import command  # noqa: F401
from tests.exporters.runs import SCRIPTED, play_run

MINE = '''
from infraray.trajectories.exporters import Exporter, register_exporter


class Seeds(Exporter):
    """The seeds, one a line."""

    default_out = "seeds.txt"

    def __init__(self, manifest, *, out):
        super().__init__(manifest)
        out.parent.mkdir(exist_ok=True)
        self.file = out.open("w")

    def __exit__(self, kind, error, trace):
        self.file.close()

    def write(self, episode):
        if episode.row["seed"] == 1:
            return "with an odd seed"
        self.file.write(f"{episode.row['seed']} {len(episode.steps)}\\n")

    def summary(self):
        return f"written to {self.file.name}"


register_exporter("seeds", Seeds)
'''


def test_a_users_file_brings_an_exporter(tmp_path: Path, command: Callable) -> None:  # noqa: F811
    run = play_run(tmp_path / "run", SCRIPTED, seeds=3)
    (tmp_path / "mine.py").write_text(MINE)
    done = command("export", run.path, "--import", tmp_path / "mine.py", "--to", "seeds")
    path = run.path / "exports" / "seeds.txt"
    assert (done.status, done.out) == (0, f"written to {path}; left out: 1 with an odd seed\n"), done.error
    assert [line.split()[0] for line in path.read_text().splitlines()] == ["0", "2"]
    refused = command("export", run.path, "--to", "seeds", "--valid-only")
    assert (refused.status, refused.error) == (
        2,
        "error: --valid-only: goes with --to chat or sft, not with --to seeds\n",
    )


def test_the_help_lists_every_exporter(command: Callable) -> None:  # noqa: F811
    said = command("export", "--help").out
    for name in ("chat", "atif", "otlp"):
        assert f"{name}: " in said


class Broken(Exporter):
    """Fails at the first episode."""

    def write(self, episode: object) -> str | None:
        raise KeyError("score")

    def summary(self) -> str:
        return ""


def test_an_exporter_that_fails_is_one_line(tmp_path: Path) -> None:
    register_exporter("broken", Broken)
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with pytest.raises(InfrarayError, match=r"^--to broken: KeyError: 'score' \(.*test_own_exporter.py:\d+\)$"):
        export(run.path, "broken", quiet=True)
