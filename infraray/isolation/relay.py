"""Passes connections from a port of this machine on to a port inside a sandbox: a program, started by `Session.relay`.

Each connection inside is made by the sandbox's first process and handed out as an open file. It imports only the
standard library, and ends when its standard input does.
"""

import array
import asyncio
import socket
import sys
from contextlib import suppress

CHUNK_BYTES = 2**16


async def serve(listening: socket.socket, connector: socket.socket, port: int) -> None:
    """Serves until the standard input ends."""
    asking = asyncio.Lock()
    tasks: set[asyncio.Task[None]] = set()

    async def connect() -> "socket.socket | None":
        async with asking:
            return await asyncio.to_thread(ask, connector, port)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside = await connect()
        if inside is None:
            writer.close()
            return
        there, here = await asyncio.open_connection(sock=inside)
        await asyncio.gather(pump(reader, here), pump(there, writer))

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, sock=listening)
    async with server:
        await asyncio.to_thread(sys.stdin.buffer.read)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes one direction on to its end."""
    with suppress(OSError):
        while piece := await reader.read(CHUNK_BYTES):
            writer.write(piece)
            await writer.drain()
    writer.close()


def ask(connector: socket.socket, port: int) -> "socket.socket | None":
    """A connection to the port inside; None if nobody listens there."""
    with suppress(OSError):
        connector.send(str(port).encode())
        room = socket.CMSG_SPACE(array.array("i").itemsize)
        _, ancillary, _, _ = connector.recvmsg(1, room)
        for _, _, data in ancillary:
            (number,) = array.array("i", data[: array.array("i").itemsize])
            return socket.socket(fileno=number)
    return None


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1])), socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3])))
