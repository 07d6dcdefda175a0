"""What the tests' own servers promise."""

from __future__ import annotations

import asyncio
import gc
import socket

from tests.served_on_thread import ServedOnThread


class Behind(ServedOnThread):
    """Passes on what a server behind it says, when its client has said all."""

    def __init__(self, server: socket.socket) -> None:
        self.server = server

    async def begin(self) -> None:
        self.listening = await self.listen(self.connection)

    async def end(self) -> None:
        self.listening.close()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        behind, there = await asyncio.open_connection(sock=self.server)
        there.write(b"asked")
        writer.write(await behind.readline())
        there.close()
        writer.close()


def test_a_task_whose_client_has_said_all_is_not_collected() -> None:
    asking, asked = socket.socketpair()
    with asked, Behind(asking) as front, socket.create_connection(("127.0.0.1", front.port)) as client:
        client.shutdown(socket.SHUT_WR)
        assert asked.recv(10) == b"asked"
        gc.collect()
        asked.sendall(b"answer\n")
        client.settimeout(10)
        assert client.makefile().read() == "answer\n"
