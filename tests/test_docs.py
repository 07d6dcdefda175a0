"""The documents say what is."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infraray import make
from infraray.agents.chat import ChatOptions
from infraray.curriculum.probe_file import ProbeSpec
from infraray.curriculum.probe_plan import ProbeMaker
from infraray.engines import find_engine, find_launch_space
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.training.grpo_file import GrpoSpec
from infraray.trajectories.exporters import exporters
from infraray.tune.searchers import make_searcher
from infraray.tune.study_file import StudySpec, make_objective
from infraray.user_file import load_file

ROOT = Path(__file__).parents[1]


def test_scenario_pages_are_what_the_docstrings_say() -> None:
    for path, text in runpy.run_path(str(ROOT / "docs" / "make_scenario_pages.py"))["pages"]().items():
        assert path.read_text() == text, f"{path.name} is old; run python docs/make_scenario_pages.py"


WRITTEN = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/design/*.md")]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(page.relative_to(ROOT)) for page in WRITTEN)]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target


STUDIES = {"search.yaml", "tuning.yaml"}
PROBES = {"probe.yaml"}
TRAININGS = {"grpo_load_balance.yaml"}
RUNS = {path.name for path in (ROOT / "examples").glob("*.yaml")} - STUDIES - PROBES - TRAININGS


@pytest.mark.parametrize("example", sorted(RUNS))
def test_examples_are_valid_runs(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert make_plan(RunSpec.load(Path("examples", example))).total > 0


@pytest.mark.parametrize("example", sorted(STUDIES))
def test_examples_are_valid_studies(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert make_objective(StudySpec.load(Path("examples", example))).space.hyperparameters


@pytest.mark.parametrize("example", sorted(PROBES))
def test_examples_are_valid_probes(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert ProbeMaker(ProbeSpec.load(Path("examples", example)), here=True).agents


@pytest.mark.parametrize("example", sorted(TRAININGS))
def test_examples_are_valid_trainings(example: str) -> None:
    assert GrpoSpec.load(ROOT / "examples" / example).steps > 0


def test_the_probe_in_the_documents_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "probing.md").read_text(), re.DOTALL)
    (tmp_path / "probe.yaml").write_text(block)
    described = ProbeSpec.load(tmp_path / "probe.yaml")
    assert set(yaml.safe_load(block)) == set(ProbeSpec.model_fields)
    assert ProbeMaker(described, here=True).agents == ("scripted:grammar",)


def test_the_run_in_the_documents_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "runs.md").read_text(), re.DOTALL)
    (tmp_path / "run.yaml").write_text(block)
    assert make_plan(RunSpec.load(tmp_path / "run.yaml")).total > 0


def test_what_the_documents_register_is_found_and_works(tmp_path: Path) -> None:
    """Every block of docs/extending.md is a part of one file of a user's."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)
    (tmp_path / "mine.py").write_text("\n\n".join(blocks))
    load_file(str(tmp_path / "mine.py"))
    run = {"name": "n", "scenarios": ["load_balance"], "agents": ["scripted:first_server"]}
    assert make_plan(RunSpec.parse(run)).total == 10
    options = ChatOptions.parse("chat:m", {"strategy": "terse", "tools": "clock"})
    assert (options.strategy, options.tools) == ("terse", "clock")
    space = find_launch_space("llama-cpp")[1].build(1024)
    assert find_launch_space("my-vllm")[0].command == find_engine("vllm").command
    proposal = make_searcher("defaults_alone", space, [1], 0).ask()
    assert proposal is not None and proposal.configuration == space.default
    assert make("routing", reward="fixes").parameters.reward == "fixes"
    assert list(exporters)[-1] == "scores"


def documented_commands() -> list[tuple[str, str]]:
    """(page, command) of every line with a prompt."""
    return [
        (page, line)
        for page in PAGES
        for block in re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        for line in re.findall(r"^\$ (.*?)(?: {2,}#.*)?$", block, re.MULTILINE)
    ]


def in_a_fresh_shell(*lines: str) -> subprocess.CompletedProcess:
    """Lines as a person types them who has just opened a terminal in the checkout."""
    environment = {"HOME": os.environ.get("HOME", "/"), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    script = "set -e\n" + "\n".join(lines)
    return subprocess.run(
        ["bash", "--norc", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


def test_a_fresh_shell_does_not_know_the_command_before_the_readmes_line() -> None:
    assert in_a_fresh_shell("infraray --version").returncode == 127
    lines = [command for page, command in documented_commands() if page == "README.md"]
    activation = next(line for line in lines if "activate" in line)
    first = next(number for number, line in enumerate(lines) if line.startswith("infraray "))
    assert lines.index(activation) < first
    assert activation == ". .venv/bin/activate"


def quick_form(command: str) -> str:
    """The command itself where it takes seconds; of a run or a search all that it checks before it starts."""
    if command.startswith("infraray run ") and "--check" not in command:
        return f"{command} --check"
    if command.startswith(("infraray search ", "infraray probe ")):
        # Everything is resolved before the folder is looked at, which here cannot be made.
        return f"{command} --out /proc/nowhere"
    return command


@pytest.mark.parametrize(
    ("page", "command"),
    [(page, command) for page, command in documented_commands() if command.startswith("infraray ")],
)
def test_documented_commands_work_in_a_fresh_shell_after_the_readmes_line(page: str, command: str) -> None:
    """As they are written, from their quotes to their file names."""
    activation = f". {sys.prefix}/bin/activate"
    done = in_a_fresh_shell(activation, quick_form(command))
    if command.startswith(("infraray search ", "infraray probe ")):
        assert done.stderr.startswith("error: /proc/nowhere: cannot be written"), done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
