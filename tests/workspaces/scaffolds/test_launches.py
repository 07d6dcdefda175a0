"""How scaffolds are started: programs that are found, files that are written, words that stay out of arguments."""

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest

from infraray.errors import InfrarayError
from infraray.workspaces.scaffolds.command import Command
from infraray.workspaces.scaffolds.events import Said
from infraray.workspaces.scaffolds.scaffold import Launch, Workplace, find_scaffold
from tests.workspaces import story
from tests.workspaces.driven import Driven

NAMES = ("claude-code", "codex", "opencode")
AT = Workplace(Path("/w"), Path("/h"), "http://127.0.0.1:1", 'a "model"\\with\nquotes')

every_scaffold = pytest.mark.parametrize("name", NAMES)


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@every_scaffold
def test_program_that_is_missing_is_named_with_the_command_that_brings_it(name: str, search_path: Path) -> None:
    problem = find_scaffold(name).problem()
    assert problem is not None and "npm install -g" in problem and "\n" not in problem
    assert find_scaffold(name).folders() == ()
    assert find_scaffold(name).version() is None


@pytest.mark.parametrize("nested", [True, False])
def test_native_program_is_started_in_place_of_its_launcher(nested: bool, search_path: Path, tmp_path: Path) -> None:
    modules = tmp_path / "lib" / "node_modules"
    launcher = program(modules / "@openai" / "codex" / "bin" / "codex.js", "#!/usr/bin/env node\n")
    (launcher.parents[1] / "package.json").write_text('{"version": "0.1.0"}')
    package = (launcher.parents[1] / "node_modules" if nested else modules) / "@openai" / "codex-linux-x64"
    native = program(package / "vendor" / "x86_64-unknown-linux-musl" / "bin" / "codex")
    (package / "package.json").write_text('{"version": "0.1.0-linux-x64"}')
    (search_path / "codex").symlink_to(launcher)
    codex = find_scaffold("codex")
    assert (codex.problem(), codex.version(), codex.folders()) == (None, "0.1.0", (package,))
    assert codex.start(AT).argv[0] == str(native)


def test_program_without_a_package_is_started_as_it_is(search_path: Path, tmp_path: Path) -> None:
    native = program(tmp_path / "versions" / "2.1.0")
    (search_path / "claude").symlink_to(native)
    claude = find_scaffold("claude-code")
    assert (claude.problem(), claude.version(), claude.folders()) == (None, None, (native.parent,))
    assert claude.start(AT).argv[0] == str(native)


@every_scaffold
def test_model_and_proxy_reach_it_whatever_their_names_hold(name: str) -> None:
    launch = find_scaffold(name).start(AT)
    told = {"claude-code": _claude, "codex": _codex, "opencode": _opencode}[name](launch)
    assert told == (AT.model, AT.base_url)
    assert all(path.is_relative_to(AT.home) for path in launch.files)


@every_scaffold
def test_conversation_is_resumed_by_its_name_or_as_the_last_one(name: str) -> None:
    scaffold = find_scaffold(name)
    assert "the-session" in scaffold.resume(AT, "the-session").argv
    assert {"--continue", "--last"} & set(scaffold.resume(AT, None).argv)
    assert not {"--continue", "--last", "resume", "--resume"} & set(scaffold.start(AT).argv)


@every_scaffold
def test_answers_of_a_short_context_are_short(name: str) -> None:
    launch = find_scaffold(name).start(Workplace(AT.workspace, AT.home, AT.base_url, "m", 8192))
    said = " ".join([*launch.env.values(), *launch.files.values()])
    assert ("8192" if name == "codex" else "2048") in said


def test_any_command_is_a_scaffold(tmp_path: Path) -> None:
    agent = program(tmp_path / "my agent", '#!/bin/sh\nread -r told\necho "$MODEL $OPENAI_BASE_URL $1: $told"\necho\n')
    driven = Driven(Command(f"'{agent}' --fast"), tmp_path, "http://127.0.0.1:9")
    first, second = driven.start(story.MISSION), driven.resume(story.GO_ON)
    begin = "scripted-model http://127.0.0.1:9/v1 --fast: "
    assert first.events == [Said(begin + story.MISSION.strip())]
    assert second.events == [Said(begin + story.GO_ON.strip())]
    assert (first.failure, second.failure) == (None, None)
    assert driven.scaffold.folders() == (tmp_path,)


@pytest.mark.parametrize(
    ("command", "said"),
    [("'open", "No closing quotation"), ("", "name a scaffold or a command")],
)
def test_command_that_cannot_be_read_is_refused(command: str, said: str) -> None:
    with pytest.raises(InfrarayError, match=said):
        Command(command)


def test_command_whose_program_is_missing_says_so(search_path: Path) -> None:
    assert "no program 'codx'" in str(Command("codx --fast").problem())
    assert Command(f"{os.path.realpath('/bin/sh')} -c ls").folders() == ()


def _claude(launch: Launch) -> tuple[str, str]:
    argv = list(launch.argv)
    assert launch.env["ANTHROPIC_SMALL_FAST_MODEL"] == AT.model
    return argv[argv.index("--model") + 1], launch.env["ANTHROPIC_BASE_URL"]


def _codex(launch: Launch) -> tuple[str, str]:
    (configuration,) = map(tomllib.loads, launch.files.values())
    return configuration["model"], configuration["model_providers"]["proxy"]["base_url"].removesuffix("/v1")


def _opencode(launch: Launch) -> tuple[str, str]:
    (configuration,) = map(json.loads, launch.files.values())
    provider = configuration["provider"]["proxy"]
    (model,) = provider["models"]
    assert f"proxy/{model}" in launch.argv
    return model, provider["options"]["baseURL"].removesuffix("/v1")
