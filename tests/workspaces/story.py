"""A scripted agent's work: it writes a server's start script, evaluates, improves, stops early, and is resumed."""

from __future__ import annotations

from pathlib import Path

from infraray.workspaces.scaffolds.events import Event, Said, ShellCommand
from tests.workspaces.scripted_model import Turn, say, shell

MISSION = "Deploy an inference server by ./start_server.sh and make ./evaluate report a better score.\n"
GO_ON = "There are 7 minutes left. Go on improving; nobody answers questions.\n"

WRITE = "printf 'exec serve --max-num-seqs 1\\n' > start_server.sh && chmod +x start_server.sh && ./evaluate"
BREAK = "./evaluate --no-such-option"
IMPROVE = "sed -i 's/seqs 1$/seqs 64/' start_server.sh && ./evaluate"

FIRST_START: tuple[Turn, ...] = (
    shell(WRITE, "I begin with a plain server."),
    shell(BREAK),
    say("It works, so I am done. Shall I go on?"),
)
SECOND_START: tuple[Turn, ...] = (shell(IMPROVE), say("It is faster now."))

EVALUATE = """\
#!/bin/sh
[ $# -eq 0 ] || { echo "no option $1" >&2; exit 2; }
echo "score $(grep -o '[0-9]*$' start_server.sh)"
"""

FIRST_EVENTS: tuple[Event, ...] = (
    Said("I begin with a plain server."),
    ShellCommand(WRITE, "score 1", 0),
    ShellCommand(BREAK, "no option --no-such-option", 2),
    Said("It works, so I am done. Shall I go on?"),
)
SECOND_EVENTS: tuple[Event, ...] = (ShellCommand(IMPROVE, "score 64", 0), Said("It is faster now."))


def furnish(workspace: Path) -> None:
    """Puts the evaluation into a workspace."""
    path = workspace / "evaluate"
    path.write_text(EVALUATE)
    path.chmod(0o755)


def work(events: list[Event]) -> tuple[Event, ...]:
    """What was said and done, without the ends of lines that only some scaffolds keep."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, ShellCommand):
            kept.append(ShellCommand(event.command, event.output.rstrip("\n"), event.exit_code))
        elif isinstance(event, Said):
            kept.append(event)
    return tuple(kept)
