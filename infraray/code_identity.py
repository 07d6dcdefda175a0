"""The code that decides an episode, as one hash that belongs to the episode's identity.

A changed agent is another agent, and a changed simulator makes other tasks: an episode played before must not pass
for one that would be played now. So scenario, agent and strategy carry a hash of their own code, which covers

- the module of the class and everything it imports, transitively, from its own package, from infraray, and from the
  user's files that are not installed; the interpreter and installed packages are left to the manifest;
- for a name that comes through an index (an ``__init__`` that only re-exports it), the module that defines it: one
  strategy does not depend on the others just because all are in one list;
- none of `APPARATUS`, which moves episodes around and decides none of them;
- no comments, docstrings, ``if TYPE_CHECKING`` blocks or layout; the imports in such a block count where the module
  has a ``__getattr__``, which makes them at a name's first use.

Why not less, such as one file: an agent's base class, the simulator behind an environment and the reader of answers
decide as much. Why not more, such as the whole package or its version: every typo fixed in a report would force
hundreds of GPU hours and thousands of paid answers to be played again. An edit of what all share
(`infraray.environment`, the reader of answers) does cost that, and rightly so.

The hash is taken over the syntax tree in a form of our own (`ast.dump` differs between versions of Python), so that
it is the same wherever the package runs.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

PACKAGE = __name__.partition(".")[0]

APPARATUS = frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        "actors",  # who plays where
        "agents.chat.cache",  # how a request travels, and what it costs
        "agents.chat.client",
        "agents.chat.connections",
        "agents.chat.endpoints",
        "agents.chat.failures",
        "agents.chat.prices",
        "agents.kind",  # what finds an agent by its name
        "agents.kinds",
        "agents.spec",
        "code_identity",
        "deadline",
        "episodes",  # see `infraray.episodes.identity.RULES_VERSION`
        "errors",
        "ownership",
        "provenance",
        "strict",
        "isolation",  # what an agent's commands may not reach
        "plugins",  # what finds code by its name
        "registration",
        "registry",
        "space",  # what a search may set: the values stand in the agent's spec
        "trajectories",
        "tune",
        "user_file",
        "version",
        "written_file",
        "yaml_file",
    )
)
"""Modules and packages that no hash covers."""

_INSTALLED = {"site-packages", "dist-packages"}


def code_sha256(*owners: Any) -> str:
    """SHA-256, in hexadecimal, of the code of classes, functions and modules (given by name)."""
    counted = _closure(owners)
    return hashlib.sha256("".join(f"{name} {counted[name].sha256}\n" for name in sorted(counted)).encode()).hexdigest()


def code_modules(*owners: Any) -> list[str]:
    """The modules that `code_sha256` covers, by name."""
    return sorted(_closure(owners))


@dataclass(frozen=True)
class _Source:
    """A file's code and imports.

    Args:
        sha256: of its code.
        imports: (module, name) pairs; the name is None for the module itself and ``*`` for all of it.
        passed_on: for each name that the file imports, where it comes from.
    """

    sha256: str
    imports: tuple[tuple[str, str | None], ...]
    passed_on: Mapping[str, tuple[str, str | None]] = field(compare=False)


def _closure(owners: Collection[Any]) -> dict[str, _Source]:
    """The owners' modules and the modules they import, as far as they count."""
    modules = {owner if isinstance(owner, str) else getattr(owner, "__module__", None) or "" for owner in owners}
    tops = {PACKAGE, *(module.partition(".")[0] for module in modules)}
    found: dict[str, _Source] = {}
    waiting = sorted(modules)
    while waiting:
        module = waiting.pop()
        if module in found or not _counts(module, tops):
            continue
        source = _read(module)
        if source is None:
            continue
        found[module] = source
        waiting += [_definer(*imported) for imported in source.imports]
    return found


def _counts(module: str, tops: Collection[str]) -> bool:
    parts = module.split(".")
    if any(".".join(parts[:length]) in APPARATUS for length in range(1, len(parts) + 1)):
        return False
    return parts[0] in tops or _is_users(module)


def _is_users(module: str) -> bool:
    """Whether a module lies in a user's folder rather than among installed packages."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return False
    path = _path(module)
    return path is not None and not _INSTALLED.intersection(path.parts)


def _definer(module: str, name: str | None) -> str:
    """The module that defines an imported name, which an index may only re-export."""
    seen = set()
    while name is not None and name != "*" and (module, name) not in seen:
        seen.add((module, name))
        if _path(f"{module}.{name}") is not None:
            return f"{module}.{name}"
        source = _read(module) if _is_index(module) else None
        if source is None or name not in source.passed_on:
            break
        module, name = source.passed_on[name]
    return module


def _is_index(module: str) -> bool:
    path = _path(module)
    return path is not None and path.name == "__init__.py"


def _path(module: str) -> Path | None:
    """The file of a module, found without importing it; None if there is none to read."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        return Path(file) if file is not None and file.endswith(".py") else None
    package, _, leaf = module.rpartition(".")
    if not package:
        # A lazily imported one counts as well, whether or not it has been imported yet.
        found = PathFinder.find_spec(module)
        origin = found.origin if found is not None else None
        return Path(origin) if origin is not None and origin.endswith(".py") else None
    for folder in _folders(package):
        for path in (Path(folder, leaf, "__init__.py"), Path(folder, f"{leaf}.py")):
            if path.is_file():
                return path
    return None


def _folders(package: str) -> Collection[str | Path]:
    """The folders that hold a package's modules."""
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", ()))
    path = _path(package)
    return [path.parent] if path is not None and path.name == "__init__.py" else []


def _read(module: str) -> _Source | None:
    """The code and imports of a module's file; None if it cannot be read."""
    path = _path(module)
    if path is None:
        return None
    try:
        status = path.stat()
        return _parse(module, path, status.st_mtime_ns, status.st_size)
    except (OSError, SyntaxError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _parse(module: str, path: Path, changed_ns: int, size: int) -> _Source:
    """Reads a file, once until it changes."""
    tree = ast.parse(path.read_bytes())
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports: list[tuple[str, str | None]] = []
    passed_on: dict[str, tuple[str, str | None]] = {}
    is_lazy = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
    for node in ast.walk(tree) if is_lazy else _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                imports.append((alias.name, None))
                passed_on[alias.asname or alias.name.partition(".")[0]] = alias.name, None
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*above, *([origin] if origin else [])])
            for alias in node.names:
                imports.append((origin, alias.name))
                passed_on[alias.asname or alias.name] = origin, alias.name
    written: list[str] = []
    _write(tree, written)
    return _Source(hashlib.sha256("".join(written).encode()).hexdigest(), tuple(imports), passed_on)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node except those that only a type checker sees."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.orelse if _is_for_checkers(node) else ast.iter_child_nodes(node)  # type: ignore[attr-defined]


def _write(value: Any, out: list[str]) -> None:
    """Appends a syntax tree in a form that no version of Python changes."""
    if isinstance(value, ast.AST):
        out.append(f"({type(value).__name__}")
        for name in sorted(value._fields):
            part = getattr(value, name, None)
            if part is not None and part != [] and name not in ("type_comment", "kind"):
                out.append(f" {name}=")
                _write(_joined(part) if isinstance(value, ast.JoinedStr) else part, out)
        out.append(")")
    elif isinstance(value, list):
        out.append("[")
        for part in value:
            if _is_for_checkers(part):
                _write(part.orelse, out)
            elif not _does_nothing(part):
                _write(part, out)
        out.append("]")
    else:
        out.append(ascii(value))


def _does_nothing(node: Any) -> bool:
    """Docstrings, including those of attributes, and ``pass``."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str)
    return isinstance(node, ast.Pass)


def _is_for_checkers(node: Any) -> bool:
    if not isinstance(node, ast.If):
        return False
    test = node.test
    return getattr(test, "id", getattr(test, "attr", None)) == "TYPE_CHECKING"


def _joined(parts: Any) -> Any:
    """An f-string's parts, with adjacent texts joined: versions of Python split them differently."""
    if not isinstance(parts, list):
        return parts
    joined: list[Any] = []
    for part in parts:
        if isinstance(part, ast.Constant) and joined and isinstance(joined[-1], ast.Constant):
            text: Any = joined[-1].value
            joined[-1] = ast.Constant(text + part.value)
        else:
            joined.append(part)
    return joined
