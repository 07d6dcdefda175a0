"""No file imports its way back to itself, and no room imports another that stands beside or above it."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "infraray"

FLOORS = (
    "__main__",
    "cli",
    "dry_run rescoring testing",
    "infraray",
    "training",
    "launch scenarios",
    "doctor progress",
    "curriculum",
    "tune",
    "actors",
    "workspaces",
    "reports summary",
    "runs",
    "trajectories",
    "episodes",
    "agents",
    "user_file",
    "registration repair simple_scenario vector",
    "emulators environment load provenance",
    "answers csv_file engines file_content folders hardware isolation network_policies written_file",
    "registry",
    "plugins",
    "ownership parameters seeds space user_code yaml_file",
    "characters code_identity conditions deadline errors observation protocol scratch",
    "policy solution_score statistics step_info steps_taken stopping strict version",
)
"""The rooms (packages and modules right below ``infraray``), from the top floor down; ``infraray`` itself is the front
door, from which own scenarios and agents import."""


class Import(NamedTuple):
    """What one file takes from another.

    Args:
        file: the importing module.
        taken: the imported one.
        line: where.
        deferred: whether a function does it, when it is called.
    """

    file: str
    taken: str
    line: int
    deferred: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.taken}{' within a function' if self.deferred else ''}"


def modules() -> dict[str, Path]:
    """Every module of the package by name."""
    paths = [(path.relative_to(PACKAGE.parent).with_suffix("").parts, path) for path in PACKAGE.rglob("*.py")]
    return {".".join(parts).removesuffix(".__init__"): path for parts, path in paths}


def imports(modules: Mapping[str, Path]) -> Iterator[Import]:
    """Every import of one of the package's modules by another, those that only a type checker sees included."""
    for name, path in modules.items():
        waiting: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text()), False)]
        while waiting:
            node, deferred = waiting.pop()
            if isinstance(node, ast.Import):
                taken = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                origin = resolve_name("." * node.level + (node.module or ""), package)
                whole = {f"{origin}.{alias.name}" for alias in node.names}
                taken = {module if module in modules else origin for module in whole}
            else:
                taken = set()
                deferred = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                waiting += [(child, deferred) for child in ast.iter_child_nodes(node)]
            yield from (Import(name, module, node.lineno, deferred) for module in taken & modules.keys() - {name})


MODULES = modules()
IMPORTS = list(imports(MODULES))


FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor.split()}
"""The floor of each room, counted from the top."""


def room(module: str) -> str:
    """The room in which a module stands."""
    return (*module.split("."), "infraray")[1]


@pytest.mark.parametrize("deferred", [False, True], ids=["when it is imported", "whenever"])
def test_no_file_imports_its_way_back_to_itself(deferred: bool) -> None:
    arrows: dict[str, set[str]] = {name: set() for name in MODULES}
    for found in IMPORTS:
        if deferred or not found.deferred:
            arrows[found.file].add(found.taken)
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_every_room_has_its_floor() -> None:
    assert sorted(FLOOR_OF) == sorted({room(name) for name in MODULES}), "say in FLOORS where a new room stands"


def test_no_room_imports_another_beside_or_above_it() -> None:
    wrong = [
        str(found)
        for found in IMPORTS
        if room(found.file) != room(found.taken) and FLOOR_OF[room(found.file)] >= FLOOR_OF[room(found.taken)]
    ]
    assert wrong == []


def test_no_scenario_imports_another() -> None:
    def scenario(module: str) -> str:
        return (*module.split("."), "")[2] if room(module) == "scenarios" else ""

    between = [found for found in IMPORTS if scenario(found.file) and scenario(found.taken)]
    assert [str(found) for found in between if scenario(found.file) != scenario(found.taken)] == []


def test_user_code_imports_from_public_modules_alone() -> None:
    for example in ("own_scenario.py", "own_agent.py"):
        tree = ast.parse((PACKAGE.parent / "examples" / example).read_text())
        taken = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        taken |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert {name for name in taken if str(name).startswith("infraray")} == {"infraray"}, example
