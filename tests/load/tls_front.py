"""TLS in front of a server that speaks none, with a certificate of its own."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

from tests.served_on_thread import ServedOnThread


class TlsFront(ServedOnThread):
    """What is said to its port in TLS is said to the server's without.

    Args:
        port: the server's.
        certificate: and its key.
    """

    def __init__(self, port: int, certificate: tuple[Path, Path]) -> None:
        self.behind = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.connections = 0

    async def begin(self) -> None:
        self.loop.set_exception_handler(lambda loop, context: None)  # handshakes that the client breaks off
        self._server = await self.listen(self._relay, ssl=self.context)

    async def end(self) -> None:
        self._server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        behind = await asyncio.open_connection("127.0.0.1", self.behind)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(self._copy(reader, behind[1]), self._copy(behind[0], writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
