"""Plugins: modules of installed packages whose import registers scenarios, agents, engines and all that has a name.

A package names them in its entry points, in one group for all that can be registered:

    [project.entry-points."infraray.plugins"]
    mine = "mine.infraray_plugin"

They are imported when somebody asks for a name that is not registered, or lists all names: a plugin costs its import
only where it is used. Taken names keep their owners (`infraray.ownership`), so it makes no difference when that
happens. A plugin that fails costs one line that names its package, and nothing else.

Their code is part of an episode's identity in the same way as ours: an episode carries a hash of the modules that it
comes from (`infraray.code_identity`).
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from importlib.metadata import EntryPoint, entry_points

from infraray.errors import InfrarayError
from infraray.ownership import importing_file
from infraray.user_code import guarded

GROUP = "infraray.plugins"

_lock = threading.RLock()
_path: tuple[str, ...] = ()
"""The folders already searched for plugins: a worker learns the driver's folders only after it has started."""
_seen: set[EntryPoint] = set()
_versions: dict[str, str] = {}
_problems: list[str] = []


def load_plugins() -> None:
    """Imports the plugins of all installed packages, once per process; one that fails is reported and left out."""
    global _path
    with _lock:
        if _path == tuple(sys.path):  # even while one of them asks for a name
            return
        _path = tuple(sys.path)
        new = set(entry_points(group=GROUP)) - _seen
        for plugin in sorted(new, key=lambda plugin: (_package(plugin), plugin.name)):
            _seen.add(plugin)
            try:
                with importing_file(None), guarded(plugin.module):
                    importlib.import_module(plugin.module)
            except InfrarayError as error:
                reason = " ".join(str(error).split())
                _problems.append(f"plugin {plugin.name} of {_package(plugin)} is left out: {reason}")
                # To standard error, unless the program that uses infraray says otherwise.
                logging.getLogger(__name__).warning(_problems[-1])
            else:
                if plugin.dist is not None:
                    _versions[plugin.dist.name] = plugin.dist.version


def plugin_versions() -> dict[str, str]:
    """The versions of the packages whose plugins this process has imported."""
    return dict(_versions)


def plugin_problems() -> list[str]:
    """A line for each plugin that failed in this process."""
    return list(_problems)


def _package(plugin: EntryPoint) -> str:
    return "a package without a name" if plugin.dist is None else f"{plugin.dist.name} {plugin.dist.version}"
