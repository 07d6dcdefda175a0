"""The command line in this process, where none of Ray is needed."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from infraray.cli import main


class Said(NamedTuple):
    status: int
    out: str
    error: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., Said]:
    """Runs ``infraray`` with some arguments, into a pipe of unknown width."""
    for name in ("COLUMNS", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Said:
        monkeypatch.setattr("sys.argv", ["infraray", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, error = capsys.readouterr()
        return Said(end.value.code or 0, out, error)

    return run
