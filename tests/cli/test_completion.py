"""What a shell offers: asked as the shells ask, bash by its own words."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infraray.agents import registered_agents
from infraray.registration import find, registrations

BIN = Path(sys.executable).parent
SCENARIOS = {found.name for found in registrations()}


@pytest.fixture(scope="module")
def script() -> str:
    """What ``--install-completion`` installs."""
    command = [sys.executable, "-m", "infraray", "--show-completion", "bash"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def in_bash(script: str, line: str) -> list[str]:
    """What bash itself would insert for the word at the end of a line: its own splitting, our script, its own array."""
    script += f"""
# What readline does with a line: words end at blanks and at the characters of COMP_WORDBREAKS, which are words too.
mapfile -t COMP_WORDS < <({sys.executable} - "$LINE" <<'SPLIT'
import re, sys
line = sys.argv[1]
words = re.findall(r"[:=]+|[^\\s:=]+", line)
print("\\n".join(words if not line.endswith(" ") else [*words, ""]))
SPLIT
)
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_infraray_completion infraray
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/"), "LINE": line}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


def own(name: str) -> set[str]:
    find(name).import_baselines()
    return set(registered_agents(name))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("infraray pl", {"play"}),
        ("infraray list ", SCENARIOS),
        ("infraray play ca", {"caching", "capacity_planning"}),
        ("infraray run --scenario l", {"load_balance"}),
        ("infraray search -s a", {"abr"}),
        ("infraray play caching --agent scripted:s", {name for name in own("caching") if name.startswith("s")}),
        ("infraray play caching --agent scripted:", own("caching")),
        ("infraray run -s abr -a scripted:random -a scripted:b", {name for name in own("abr") if name.startswith("b")}),
        ("infraray run -s abr -a scr", {f"scripted:{name}" for name in own("abr")}),
        ("infraray play load_balance --preset p", {"park"}),
        ("infraray search --searcher t", {"tpe"}),
        ("infraray export runs/x --to a", {"atif"}),
        ("infraray bench --preset C-", {"C-quick", "C-cpu"}),
    ],
)
def test_bash_is_offered_names(script: str, line: str, expected: set[str]) -> None:
    assert set(in_bash(script, line)) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_are_offered_them_too(shell: str) -> None:
    line = "infraray play caching --agent scripted:l"
    asked = {
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    done = subprocess.run(
        [shutil.which("infraray", path=str(BIN)) or "infraray"],
        env={**os.environ, "_INFRARAY_COMPLETE": f"complete_{shell}", **asked},
        capture_output=True,
        text=True,
        timeout=60,
    )
    offered = done.stdout.replace("\\", "")
    assert "scripted:lru" in offered and "scripted:lfu" in offered and "scripted:arc" not in offered
