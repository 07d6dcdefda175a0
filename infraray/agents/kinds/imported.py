"""Kinds whose target is an object: ``package.module:name``, or ``path/to/file.py:name``."""

from __future__ import annotations

import importlib
from typing import Any

from infraray.agents.kind import AgentKind
from infraray.errors import InfrarayError, UnknownName, did_you_mean
from infraray.parameters import file_sha256
from infraray.user_code import guarded
from infraray.user_file import load_file


class ImportedKind(AgentKind):
    """Base of kinds whose target is imported."""

    def find(self, target: str) -> Any:
        """Imports the object.

        Raises:
            UnknownName: it has no object of that name; the text lists the nearest ones.
            InfrarayError: the target is malformed, or its module or file does not import.
        """
        whose = f"agent {self.name}:{target}"
        module_name, colon, name = target.rpartition(":")
        if not colon or not module_name:
            raise InfrarayError(f"{whose}: must name a module and an object, as in '{self.name}:mine.py:name'")
        if module_name.endswith(".py"):
            module = load_file(module_name)
        elif "/" in module_name:
            raise InfrarayError(
                f"{whose}: {module_name} is not a module; write a file as in '{self.name}:{module_name}.py:{name}'"
            )
        else:
            with guarded(f"{whose}: {module_name} does not import"):
                module = importlib.import_module(module_name)
        if not hasattr(module, name):
            known = [found for found in vars(module) if not found.startswith("_")]
            raise UnknownName(f"{whose}: {module_name} has no {name}; {did_you_mean(name, known)}")
        return getattr(module, name)

    def module(self, target: str) -> str | None:
        """The module; None if the object comes from a file."""
        name, _, _ = target.rpartition(":")
        return None if name.endswith(".py") else name

    def files(self, target: str) -> dict[str, str]:
        """The file; empty if the object comes from a module."""
        path, _, _ = target.rpartition(":")
        return {path: file_sha256(path)} if path.endswith(".py") else {}
