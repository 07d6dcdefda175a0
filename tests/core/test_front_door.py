"""What `import infraray` gives: the scenarios at once, all other names at their first use."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import infraray

SLOW = {"asyncio", "matplotlib", "pyarrow", "pydantic", "ray"}


def loaded_by(program: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a program, which may exit."""
    tail = "import json, sys\ntry:\n    {}\nexcept SystemExit:\n    pass\nprint(json.dumps(list(sys.modules)))"
    code = tail.format(program.replace("\n", "\n    "))
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(json.loads(said.splitlines()[-1]))


def test_importing_it_registers_the_scenarios_and_loads_nothing_slow() -> None:
    program = "import infraray, gymnasium\nassert 'infraray/Caching-v0' in gymnasium.registry"
    assert not SLOW & loaded_by(program)


def test_help_loads_nothing_slow() -> None:
    assert not SLOW & loaded_by("sys.argv = ['infraray', '--help']\nfrom infraray.cli import main\nmain()")


@pytest.mark.parametrize("name", infraray.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(infraray, name) is not None
    assert name in dir(infraray)


def test_type_checkers_and_the_interpreter_know_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse(Path(infraray.__file__).read_text())
    (seen,) = [node for node in tree.body if isinstance(node, ast.If)]
    named = {alias.name: node.module for node in seen.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert named == infraray._HOME_OF
    assert {*named, "__version__"} == set(infraray.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'infraray' has no attribute 'nothing'"):
        infraray.nothing  # noqa: B018
