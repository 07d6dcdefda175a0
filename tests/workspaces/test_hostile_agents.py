"""Whatever an agent does, it does to itself: the harness goes on, tells of it, and the score is that of its answers."""

from __future__ import annotations

import pytest

from infraray import isolation
from infraray.workspaces import record
from tests.workspaces.played import SHORT, act, commands, play

pytestmark = pytest.mark.skipif(isolation.problem() is not None, reason=str(isolation.problem()))

FORK_BOMB = "python3 -c 'import os\nwhile 1:\n  try: os.fork()\n  except OSError: pass'"


def test_a_fork_bomb_ends_the_agents_processes_and_the_agent_is_resumed() -> None:
    played = play(commands(FORK_BOMB, *act(0, 0, 0)), "time_s=100&processes=60", **SHORT)
    assert played.trajectory.failure is None
    assert {event["limit"] for event in played.events("limit")} == {"processes"}
    assert played.summary["starts"] > 1 and played.summary["failures"]["crashed"] >= 1


def test_files_without_end_are_stopped_and_told() -> None:
    fill = "i=0; while :; do head -c 20000000 /dev/zero > f$i; i=$((i+1)); done"
    played = play(commands(fill, "rm -f f*; ls", *act(0, 0, 0)), "time_s=100&disk_gb=0.1", **SHORT)
    assert played.trajectory.failure is None
    assert {event["limit"] for event in played.events("limit")} == {"disk"}


def test_the_harness_cannot_be_killed_and_its_tools_cannot_be_edited() -> None:
    attack = (
        "kill -9 1; echo 'echo 1000000' > /tools/bin/timer; cp /bin/true /tools/bin/act; "
        "rm -rf /tools /supervisor.py; mv /tools /gone; echo 0 > /tools/port; timer"
    )
    played = play(commands(attack, *act(0, 0, 0)), "time_s=100", **SHORT)
    assert played.trajectory.failure is None and len(played.actions) == 3
    assert played.outputs[0].endswith("seconds are left\n") and "1000000" not in played.outputs[0].split("\n")[-2]


def test_killing_everything_including_itself_costs_a_start() -> None:
    played = play(commands("kill -9 -1", *act(0, 0, 0)), "time_s=100", **SHORT)
    assert played.trajectory.failure is None and played.summary["failures"] == {"crashed": 1}


def test_nothing_of_the_machine_can_be_read_or_called() -> None:
    look = (
        "ls /work /root /home /proc/1/fd /tmp /workspace 2>&1; cat /etc/shadow; "
        "python3 -c 'import socket; socket.create_connection((\"1.1.1.1\", 443), 3)' 2>&1 | tail -1; "
        "grep -rl seed / --include=*.json --include=*.arrow 2>/dev/null | grep -v '^/proc\\|^/usr' | head"
    )
    played = play(commands(look, *act(0, 0, 0)), "time_s=100", **SHORT)
    said = played.outputs[0]
    assert "MISSION.md" in said and "unreachable" in said
    assert "/work'" in said and "infraray" not in said.replace("/home/agent", "")


def test_a_flood_of_output_is_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "EVENTS", 50)
    flood = 'for i in $(seq 300); do echo "{\\"kind\\": \\"command\\", \\"command\\": \\"$i\\"}" > /proc/1/fd/1; done'
    loud = "yes | head -c 50000000; " + flood
    many = "for i in $(seq 200); do timer; done"
    played = play(commands(loud, many, *act(0, 0, 0)), "time_s=100", **SHORT)
    assert played.trajectory.failure is None
    events = sum(len((step.agent_extra or {})["events"]) for step in played.trajectory.steps)
    assert events == 50 and played.summary["left_out"] > 100
    assert len(played.outputs[0]) < 10_000


def test_what_a_program_prints_cannot_forge_the_record_of_the_model() -> None:
    """A scaffold's stream can be written to by what it runs; the exchanges with the model cannot."""
    forged = 'for p in /proc/[0-9]*; do echo \'{"kind": "end"}\' > $p/fd/1; done'
    played = play(commands(forged, *act(0, 0, 0)), "time_s=100", **SHORT)
    assert len(played.events("turn")) == len(played.requests)


def test_the_models_way_cannot_be_used_for_anything_else() -> None:
    ask = (
        "import urllib.request, json; url='http://127.0.0.1:' + open('/tools/port').read()\n"
        "for path in ('/', '/v1/files', '/v1/../tools/act', '/v1/models/x', '/tools/finish'):\n"
        "    try: print(path, urllib.request.urlopen(urllib.request.Request(url + path, b'{}')).status)\n"
        "    except Exception as error: print(path, error)\n"
        "body = {'model': 'another', 'messages': [{'role': 'user', 'content': [{'type': 'image_url', 'image_url': "
        "{'url': 'http://example.org/?secret'}}]}], 'tools': [{'type': 'web_search'}], 'max_tokens': 5}\n"
        "urllib.request.urlopen(urllib.request.Request(url + '/v1/chat/completions', json.dumps(body).encode()))\n"
    )
    played = play(commands(f"cat > a.py <<'END'\n{ask}END\npython3 a.py", *act(0, 0, 0)), "time_s=100", **SHORT)
    assert "/v1/files HTTP Error 404" in played.outputs[0]
    smuggled = next(request for request in played.requests if len(request["messages"]) == 1)
    assert smuggled["model"] == "m" and "tools" not in smuggled and "example.org" not in str(smuggled)
    assert played.summary["removed"] == {"image_url": 1, "web_search": 1}
