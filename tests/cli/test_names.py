"""No name is cut where it is read by a program, and none is lost at a narrow terminal."""

import os
import pty
import re
import subprocess
import sys

import pytest

from infraray.agents import registered_agents
from infraray.registration import registrations

ELLIPSIS = "…"
COMMANDS = [("list",), ("doctor",), *(("list", found.name) for found in registrations())]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_piped_tables_have_whole_lines(command, arguments: tuple[str, ...]) -> None:
    said = command(*arguments)
    assert said.status == 0 and ELLIPSIS not in said.out
    assert not re.search("[─━│┃]", said.out)


def test_each_scenario_is_a_line_with_all_its_agents(command) -> None:
    lines = {line.split()[0]: line for line in command("list").out.splitlines()}
    for found in registrations():
        found.import_baselines()
        assert found.id in lines[found.name]
        assert ", ".join(registered_agents(found.name)) in lines[found.name]


def test_a_manual_names_every_parameter_agent_and_preset(command) -> None:
    for found in registrations():
        shown = command("list", found.name).out
        environment_class = found.environment_class()
        for name in (*environment_class.Parameters.model_fields, *environment_class.presets):
            assert re.search(rf"^{re.escape(name)}\b", shown, re.MULTILINE), name
        for agent in registered_agents(found.name):
            assert f"\nscripted:{agent}" in shown


def test_a_narrow_terminal_folds_names() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen([sys.executable, "-m", "infraray", "list"], stdout=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    assert process.wait(60) == 0
    assert "│" in shown.decode() and ELLIPSIS not in shown.decode()


@pytest.mark.parametrize("name", ["list", "play", "run", "search", "report", "export", "rescore", "doctor"])
def test_help_cuts_no_option(command, name: str) -> None:
    assert ELLIPSIS not in command(name, "--help").out
