"""What takes long to import: remembers which process did it, and under which variables."""

import ctypes
import os
import threading
import time

BY = os.getpid()
UNDER = os.environ.get("SET_FOR_WORKERS")

if "IMPORTS_TAKE_S" in os.environ:
    time.sleep(float(os.environ["IMPORTS_TAKE_S"]))
if "IMPORTS_NUMPY" in os.environ:
    import numpy  # noqa: F401
if "IMPORTS_START_A_THREAD" in os.environ:
    threading.Thread(target=time.sleep, args=(600,), name="sleeper", daemon=True).start()
if "IMPORTS_LIBRARY" in os.environ:
    ctypes.CDLL(os.environ["IMPORTS_LIBRARY"])
