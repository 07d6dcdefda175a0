"""A server of the tests, on a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Self


class ServedOnThread(ABC):
    """Use as a context manager, again and again if need be: it keeps its port."""

    port: int = 0
    """Before it begins, 0 for a free one."""

    @abstractmethod
    async def begin(self) -> None:
        """Begins to serve, and says at which port."""

    @abstractmethod
    async def end(self) -> None:
        """Takes no connection any more. What is still going on is cancelled afterwards."""

    def __enter__(self) -> Self:
        begun: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(begun,))
        self._thread.start()
        begun.result()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    def _run(self, begun: Future[None]) -> None:
        try:
            asyncio.run(self.serving(lambda: begun.set_result(None)))
        except BaseException as error:
            if begun.done():
                raise
            begun.set_exception(error)  # such as a port that is taken

    def stop(self) -> None:
        """Ends every connection; may be called from any thread."""
        with suppress(RuntimeError):  # Of a loop that has ended already.
            self.loop.call_soon_threadsafe(self._over.set)

    async def serving(self, ready: Callable[[], object]) -> None:
        """Serves on the present loop until it is stopped.

        Args:
            ready: called when it serves.
        """
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await self.begin()
        ready()
        await self._over.wait()
        await self.end()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
