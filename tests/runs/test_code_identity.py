"""An episode's identity holds the code that decided it: what was played by other code is owed again, no more."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import infraray
from infraray.agents.chat.strategies import strategies
from infraray.code_identity import code_modules, code_sha256
from infraray.registration import registrations
from infraray.user_file import load_file

PACKAGE = Path(infraray.__file__).parent

PLAY_WHAT_IS_OWED = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path

from infraray.episodes import EpisodePlayer, failed_trajectory
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.store import RunStore

def play():
    store = RunStore(Path("run"))
    specs = list(make_plan(RunSpec.parse(json.loads(sys.argv[1]))).episodes())
    owed = [spec for spec, absent in zip(specs, store.missing([spec.id for spec in specs])) if absent]
    for spec in owed:
        # No model is here: what a chat agent says plays no part.
        talks = spec.entry.conversational
        failed = failed_trajectory(spec, "not played", 1, datetime.now(UTC), 0.0, []) if talks else None
        trajectory = failed or EpisodePlayer(60).play(spec)
        store.append(encode(to_batch("x", [trajectory]), [spec.id]))
    store.finish()
    store.close()
    names = {(spec.entry.label, spec.entry.agent.partition("?")[2] or spec.entry.agent) for spec in owed}
    print(json.dumps(sorted(map(" ".join, names))))

play()
for edits in json.loads(sys.argv[2]):
    for path, text in edits.items():
        Path("infraray", path).write_text(text)
    play()
"""

RUN = {
    "name": "x",
    "seeds": 2,
    "scenarios": [
        {
            "scenario": "load_balance",
            "parameters": {"warmup_steps": 1, "scored_steps": 2},
            "agents": [
                "scripted:round_robin",
                "scripted:join_shortest_queue",
                "chat:m@http://localhost:1/v1?strategy=zero_shot",
                "chat:m@http://localhost:1/v1?strategy=structured",
                "chat:m@http://localhost:1/v1?strategy=react",
                "chat:m@http://localhost:1/v1?strategy=react&tools=calculator",
            ],
        },
        {
            "scenario": "caching",
            "parameters": {"warmup_requests": 1, "scored_requests": 2},
            "agents": ["scripted:lru", "scripted:arc"],
        },
    ],
}
CHATS = ["strategy=react", "strategy=react&tools=calculator", "strategy=structured", "strategy=zero_shot"]
BALANCE = [f"load_balance {agent}" for agent in ("scripted:join_shortest_queue", "scripted:round_robin", *CHATS)]
CACHING = ["caching scripted:arc", "caching scripted:lru"]


def owed_after(folder: Path, *edits: dict[str, str]) -> list[list[str]]:
    """Who owes episodes to a copy of the package: at first, and after each of the edits was played."""
    shutil.copytree(PACKAGE, folder / "infraray", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", PLAY_WHAT_IS_OWED, json.dumps(RUN), json.dumps(edits)]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def edited(*paths: str) -> dict[str, str]:
    return {path: f"{(PACKAGE / path).read_text()}\n\nEDITED = True\n" for path in paths}


def test_an_edit_owes_exactly_what_it_decides(tmp_path: Path) -> None:
    name = "scenarios/load_balance/baselines/round_robin.py"
    logic = (PACKAGE / name).read_text()
    assert "+ 1" in logic
    carrying = edited("reports/page.py", "trajectories/store.py", "cli/run.py", "actors/scheduler.py", "tune/study.py")
    expected = {
        "at first, all": ({}, [*CACHING, *BALANCE]),
        "nothing changed": ({}, []),
        "an agent's logic": ({name: logic.replace("+ 1", "+ 2")}, ["load_balance scripted:round_robin"]),
        "changed back, the episodes of before count": ({name: logic}, []),
        "a scenario's dynamics": (edited("scenarios/load_balance/jobs.py"), BALANCE),
        "what an agent imports": (edited("scenarios/caching/policies/arc.py"), ["caching scripted:arc"]),
        "a strategy": (edited("agents/chat/strategies/structured.py"), ["load_balance strategy=structured"]),
        "a tool": (edited("agents/chat/tools/calculator.py"), ["load_balance strategy=react&tools=calculator"]),
        "how chats remember": (edited("agents/chat/memory.py"), [f"load_balance {chat}" for chat in CHATS]),
        "each episode keeps its task's floor": (edited("agents/random.py"), [*CACHING, *BALANCE]),
        "what carries episodes about decides none": (carrying | edited("version.py"), []),
    }
    found = owed_after(tmp_path, *(edits for edits, _ in [*expected.values()][1:]))
    assert dict(zip(expected, found, strict=True)) == {what: owed for what, (_, owed) in expected.items()}


def test_comments_docstrings_and_layout_are_not_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    code = 'def act(observation):\n    return {"server": f"{observation:>{4}} x"}\n'
    same = [
        f'"""A docstring."""\n\n# A comment.\n{code}',
        "def act(observation):\n    '''Says.'''\n\n    return {\n        'server':"
        " f'{observation:>{4}} '\n        'x',\n    }\n",
        f"{code}    pass\n",
    ]
    others = [code.replace("4", "5"), code.replace(" x", " y"), f"import math\n{code}", code.replace("server", "to")]

    def digest(text: str) -> str:
        (tmp_path / "module_of_mine.py").write_text(text)
        sys.modules.pop("module_of_mine", None)
        __import__("module_of_mine")
        return code_sha256("module_of_mine")

    assert {digest(text) for text in same} == {digest(code)}
    assert len({digest(text) for text in (code, *others)}) == 1 + len(others)


def test_an_agent_depends_on_what_its_module_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "theirs_installed"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in {
        "__init__": "from theirs_installed.agent import act\n",
        "agent": "from .rule import best\n\n\ndef act(observation):\n    return best(observation)\n",
        "rule": "def best(observation):\n    return 0\n",
        "unrelated": "x = 1\n",
    }.items():
        (package / f"{name}.py").write_text(text)
    from theirs_installed.agent import act  # type: ignore[import-not-found]

    assert code_modules(act) == ["theirs_installed.agent", "theirs_installed.rule"]
    before = code_sha256(act)
    (package / "unrelated.py").write_text("x = 2\n")
    assert code_sha256(act) == before
    (package / "rule.py").write_text("def best(observation):\n    return 10\n")
    assert code_sha256(act) != before


def test_no_agent_depends_on_another_and_no_strategy_on_one_that_it_does_not_use() -> None:
    for found in (found for found in registrations() if found.id.startswith("infraray/")):
        found.import_baselines()
        own = code_modules(found.environment_class())
        assert not [module for module in own if ".baselines" in module]
        assert f"infraray.scenarios.{found.name}.parameters" in own and "infraray.environment" in own
    assert not [module for module in code_modules(strategies["zero_shot"]) if re.search(r"react|few_shot", module)]


def test_code_that_imports_the_front_door_depends_on_what_stands_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "through_the_whole.py").write_text("import infraray\n")
    (tmp_path / "through_a_name.py").write_text("from infraray import SimpleScenario\n")
    assert "infraray.simple_scenario" in code_modules("through_the_whole")
    assert "infraray.simple_scenario" in code_modules("through_a_name")
    assert "infraray.agents.random" not in code_modules("through_a_name")


def test_the_command_line_starts_without_hashing() -> None:
    code = (
        "import sys; from infraray import cli, code_identity; sys.argv = ['infraray', '--help']\n"
        "code_identity._parse = None\ntry:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_helper_that_is_imported_only_within_a_function_counts_before_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "late_agent.py").write_text("def act(observation):\n    import late_helper\n    return late_helper.x\n")
    (tmp_path / "late_helper.py").write_text("x = 1\n")
    from late_agent import act  # type: ignore[import-not-found]

    before = code_sha256(act)
    assert code_modules(act) == ["late_agent", "late_helper"] and act({}) == 1
    assert code_sha256(act) == before
    (tmp_path / "late_helper.py").write_text("x = 20\n")
    assert code_sha256(act) != before


def test_files_of_one_name_in_two_folders_are_two_agents(tmp_path: Path) -> None:
    found = []
    for version in (1, 2):
        folder = tmp_path / f"v{version}"
        folder.mkdir()
        (folder / "rule_agent.py").write_text(f"class Rule:\n    version = {version}\n")
        found.append(load_file(str(folder / "rule_agent.py")).Rule)
    assert [sys.modules[kind.__module__].Rule for kind in found] == found
    assert code_sha256(found[0]) != code_sha256(found[1])
