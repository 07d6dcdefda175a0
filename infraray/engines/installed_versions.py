"""Versions of packages in an interpreter's environment."""

from __future__ import annotations

import json
import subprocess
from functools import cache

from infraray.errors import InfrarayError

_ASK = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = ""
print(json.dumps(found))
"""


@cache
def installed_versions(python: str, packages: tuple[str, ...]) -> dict[str, str]:
    """The versions by package; empty for one that is not installed.

    Raises:
        InfrarayError: the interpreter cannot be run.
    """
    try:
        asked = subprocess.run([python, "-c", _ASK, *packages], capture_output=True, text=True, timeout=60, check=True)
        found: dict[str, str] = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise InfrarayError(f"python={python!r}: cannot be run ({error})") from None
    return found
