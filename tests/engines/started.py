"""An engine's server for as long as a test needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from infraray.engines import EngineSpec
from infraray.engines.preloaded import PreloadedLauncher
from infraray.engines.process import EngineProcess


@contextmanager
def started(spec: EngineSpec, preloaded: PreloadedLauncher | None = None) -> Iterator[EngineProcess]:
    engine = EngineProcess(spec, preloaded=preloaded)
    try:
        engine.start()
        yield engine
    finally:
        engine.end()
        engine.remove_log()
