"""Installs the coding agents that the tests drive, by npm: `python -m tests.workspaces.install_clis FOLDER`.

Each comes in two versions, about 2 GB together: FOLDER/newest and FOLDER/older.
"""

import subprocess
import sys
from pathlib import Path

PACKAGES = {"claude-code": "@anthropic-ai/claude-code", "codex": "@openai/codex", "opencode": "opencode-ai"}
VERSIONS = {
    "newest": {"claude-code": "2.1.332", "codex": "0.171.0", "opencode": "1.18.33"},
    # Those of InferenceBench's experiments, or the next that the registry has.
    "older": {"claude-code": "2.1.114", "codex": "0.125.0", "opencode": "1.14.34"},
}


def commands(folder: Path, age: str) -> Path:
    """The folder for PATH."""
    return folder / age / "node_modules" / ".bin"


def install(folder: Path) -> None:
    """Installs what is not there; npm needs no project, only a folder."""
    for age, versions in VERSIONS.items():
        place = folder / age
        place.mkdir(parents=True, exist_ok=True)
        asked = [f"{PACKAGES[name]}@{version}" for name, version in versions.items()]
        quiet = ("--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts")
        subprocess.run(["npm", "install", *quiet, "--prefix", str(place), *asked], check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
