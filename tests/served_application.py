"""An application of aiohttp as a server of the tests."""

from __future__ import annotations

from abc import abstractmethod

from aiohttp import web

from tests.served_on_thread import ServedOnThread


class ServedApplication(ServedOnThread):
    """See `ServedOnThread`."""

    @abstractmethod
    def application(self) -> web.Application:
        """What is served; made on the thread's loop."""

    async def begin(self) -> None:
        # What is cut off or hangs is not an error of ours.
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def end(self) -> None:
        await self._runner.cleanup()
