"""Passes connections on to an address from the network in which it runs: ``relay.py DESCRIPTOR HOST PORT``.

The descriptor is that of a socket that listens elsewhere.
"""

import asyncio
import socket
import sys
from contextlib import suppress


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(2**16):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def main(listening: socket.socket, host: str, port: int) -> None:
    held: set[asyncio.Task[None]] = set()

    # The loop forgets a connection whose client has said all, and with it a task that waits for the answer.
    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.add(task := asyncio.ensure_future(pass_on(reader, writer)))
        task.add_done_callback(held.discard)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, here = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, here), pump(there, writer))

    async with await asyncio.start_server(begin, sock=listening) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], int(sys.argv[3])))
