"""The server's start: ``python -I infraray/emulators/cluster/api_server [options]``, or ``python -m`` and its name.

Started by its folder it does not import the whole of infraray, and is ready in a fraction of the time.
"""

import sys
import types
from pathlib import Path

if __name__ == "__main__":
    if "infraray" not in sys.modules:
        sys.path.pop(0)  # this folder
        folder = Path(__file__).parents[2]
        for name, path in (("infraray", folder.parent), ("infraray.emulators", folder)):
            package = types.ModuleType(name)  # an empty stand-in without its imports
            package.__path__ = [str(path)]
            sys.modules[name] = package

    from infraray.emulators.cluster.api_server.command import main

    main()
