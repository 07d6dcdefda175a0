"""A scripted model that tunes a server in a workspace as an expert would, over every protocol of the coding agents.

Its moves are commands for a shell: look, write a launcher for an engine of the mission with its flags, start it, wait,
evaluate, keep the best, and go back to it. It stops early once, so that its scaffold has to be resumed, and then uses
the time that is left.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from tests.openai_server import Server
from tests.workspaces.scripted_model import ScriptedModel, Turn, say, shell

IDEAS = ("transformers --dtype float32", "transformers", "transformers --dtype bfloat16")
"""Engines of the mission and flags. With so small a model the engine with the least overhead wins; on a CPU without
instructions for them, numbers of 16 bits are converted at every step."""

TRY = """\
number=$1 engine=$2; shift 2
exec > result-$number 2>&1
kill -9 -$(cat server.pid) 2> /dev/null
while (exec 3<> /dev/tcp/127.0.0.1/8000) 2> /dev/null; do sleep 0.1; done
echo "exec $(sed -n "s/^- $engine: //p" MISSION.md) $*" > start_server.sh
setsid bash start_server.sh > server.log 2>&1 &
echo $! > server.pid
until (exec 3<> /dev/tcp/127.0.0.1/8000) 2> /dev/null; do
  kill -0 $! 2> /dev/null || { tail -n 3 server.log; echo "over-$number"; exit; }
  sleep 0.1
done
cp start_server.sh launcher-$number
evaluate
echo "over-$number"
"""
"""Tries idea NUMBER and says ``over-NUMBER`` in the end."""

LOOK = f"timer; head -c 300 MISSION.md; cat > try.sh <<'END'\n{TRY}END"
WAIT = "for i in $(seq 70); do grep -qs ^over- result-{0} && break; sleep 0.1; done; cat result-{0}"
"""Shorter than any scaffold's patience with a command."""
PASS = "sleep 7; timer"
SPEEDUP = re.compile(r"evaluation (\d+) of the server: speedup ([\d.]+)")

Moves = Generator[str | None, str]
"""Commands, or None to stop."""


def moves() -> Moves:
    """The expert's work, which has no end; it is sent all that has been printed so far."""
    yield LOOK
    speedups: dict[int, float] = {}
    evaluated = 0
    for number, idea in enumerate(IDEAS, 1):
        printed = yield f"setsid bash try.sh {number} {idea} < /dev/null > /dev/null 2>&1 & {WAIT.format(number)}"
        while f"over-{number}" not in printed:
            printed = yield WAIT.format(number)
        evaluation, speedup = max(((int(of), float(said)) for of, said in SPEEDUP.findall(printed)), default=(0, 0.0))
        if evaluation > evaluated:
            evaluated, speedups[number] = evaluation, speedup
        if number == 1:
            yield None
    best = max(speedups, key=speedups.__getitem__, default=None)
    if best is not None:
        yield f"cp launcher-{best} start_server.sh"
    while True:
        yield PASS


class Expert:
    """Moves by what is shown of a conversation; a shorter one than before is a new one, and begins anew."""

    def __init__(self) -> None:
        self._length = 0

    def move(self, texts: Sequence[str]) -> str | None:
        """The next command, or None to stop.

        Args:
            texts: of the conversation, the commands' outputs among them.
        """
        is_new = self._length == 0 or len(texts) < self._length
        self._length = len(texts)
        if is_new:
            self._work = moves()
            return next(self._work)
        return self._work.send("\n".join(texts))


def coding_agents_model(port: int) -> ScriptedModel:
    """The model for Claude Code, Codex and OpenCode."""
    expert = Expert()

    def script() -> Iterator[Turn]:
        while True:
            command = expert.move(model.turns[-1].texts)
            yield say("That is a working server. Shall I go on?") if command is None else shell(command)

    model = ScriptedModel(script(), port)
    return model


def shells_model(port: int) -> Server:
    """The model for our own agent, which takes commands from blocks of text."""
    expert = Expert()

    def answer(body: dict[str, Any]) -> str:
        command = expert.move([message["content"] for message in body["messages"]])
        return "FINISHED" if command is None else f"Next.\n\n```bash\n{command}\n```"

    server = Server(answer)
    server.port = port
    return server


def agents(first_port: int, names: Sequence[str], options: str = "") -> dict[str, ScriptedModel | Server]:
    """A model for each agent, by the agent's spec; they have consecutive ports, and are not served yet.

    Args:
        first_port: the first one's.
        names: ``shell``, or those of coding agents.
        options: of all of them.
    """
    found: dict[str, ScriptedModel | Server] = {}
    for port, name in enumerate(names, first_port):
        url = f"http://127.0.0.1:{port}/v1"
        if name == "shell":
            found[f"shell:expert@{url}?command_s=60{options}"] = shells_model(port)
        else:
            found[f"cli:{name}?model=expert&base_url={url}{options}"] = coding_agents_model(port)
    return found
