"""Finds Mininet: this environment's package (PyPI) or else Debian's, which a virtual environment does not see."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

DEBIAN = Path("/usr/lib/python3/dist-packages/mininet")


def found() -> bool:
    """Whether Mininet can be imported."""
    return importlib.util.find_spec("mininet") is not None or DEBIAN.is_dir()


def load() -> Any:
    """The package, with its modules ``link``, ``net``, ``node``, ``nodelib`` and ``topo``.

    Raises:
        ImportError: there is no such package.
    """
    # Mininet takes one name from distutils, for Open vSwitch. Python 3.12 has none; setuptools' takes 0.15 s.
    version = types.ModuleType("distutils.version")
    version.StrictVersion = None  # type: ignore[attr-defined]
    sys.modules.update({"distutils": types.ModuleType("distutils"), "distutils.version": version})
    if importlib.util.find_spec("mininet") is None:
        # Not through sys.path, where Debian's other packages would shadow the environment's.
        spec = importlib.util.spec_from_file_location(
            "mininet", DEBIAN / "__init__.py", submodule_search_locations=[str(DEBIAN)]
        )
        if spec is None or spec.loader is None or not DEBIAN.is_dir():
            raise ImportError(f"neither a package mininet nor {DEBIAN}")
        sys.modules["mininet"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    for name in ("net", "topo"):
        importlib.import_module(f"mininet.{name}")
    return sys.modules["mininet"]
