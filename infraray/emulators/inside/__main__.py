"""The fork server's start: ``python -I infraray/emulators/inside DESCRIPTOR KIND``.

The descriptor is that of its control socket; the kind is the module of the emulators' server.
"""

import importlib
import socket
import sys
import types
from pathlib import Path

if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    package = types.ModuleType("infraray")  # an empty stand-in without its imports: an emulator needs little of it
    package.__path__ = [str(Path(__file__).parents[2])]
    sys.modules["infraray"] = package

    from infraray.emulators.inside.forking import serve

    serve(socket.socket(fileno=int(sys.argv[1])), importlib.import_module(sys.argv[2]).SERVER)
