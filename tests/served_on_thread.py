"""A server of the tests, on a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Self


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

    async def listen(
        self,
        connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
        **options: Any,
    ) -> asyncio.Server:
        """Listens at the port, and plays `connection` for each that comes.

        Args:
            connection: gets what a client sends and what it is sent.
            options: further ones of `asyncio.start_server`.
        """
        held: set[asyncio.Task[None]] = set()

        # A loop refers to a task through what it waits for. When a client has said all, its connection is not watched
        # any more: a task that waits for something else can be collected as garbage in the midst of its answer.
        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            held.add(task := asyncio.ensure_future(connection(reader, writer)))
            task.add_done_callback(held.discard)

        server = await asyncio.start_server(begin, "127.0.0.1", self.port, **options)
        self.port = server.sockets[0].getsockname()[1]
        return server

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
