"""The documents say what is."""

import re
import runpy
from pathlib import Path

import pytest

from infraray.runs import load_run, make_plan
from infraray.tune.study_file import load_study, make_objective

ROOT = Path(__file__).parents[1]


def test_scenario_pages_are_what_the_docstrings_say() -> None:
    for path, text in runpy.run_path(str(ROOT / "docs" / "make_scenario_pages.py"))["pages"]().items():
        assert path.read_text() == text, f"{path.name} is old; run python docs/make_scenario_pages.py"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target


STUDIES = {"search.yaml", "tuning.yaml"}


@pytest.mark.parametrize("example", sorted({path.name for path in (ROOT / "examples").glob("*.yaml")} - STUDIES))
def test_examples_are_valid_runs(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert make_plan(load_run(Path("examples", example))).total > 0


@pytest.mark.parametrize("example", sorted(STUDIES))
def test_examples_are_valid_studies(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert make_objective(load_study(Path("examples", example))).space.hyperparameters


def test_the_run_in_the_documents_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "runs.md").read_text(), re.DOTALL)
    (tmp_path / "run.yaml").write_text(block)
    assert make_plan(load_run(tmp_path / "run.yaml")).total > 0
