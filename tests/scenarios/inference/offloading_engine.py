"""`streaming_engine`, which asks another server for the workload's requests alone: those of at most four tokens.

For each it holds a connection to OFFLOAD_TO (a port on this machine) for a second. With HANGS it answers no
other request, ever.
"""

import http.server
import io
import json
import os
import runpy
import socket
import threading
import time
from typing import Any

from tests.scenarios.inference import streaming_engine


class Offloading:
    """Stands before a handler."""

    headers: Any
    rfile: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if json.loads(body).get("max_tokens", 100) <= 4:
            if upstream := os.environ.get("OFFLOAD_TO"):
                with socket.create_connection(("127.0.0.1", int(upstream))):
                    time.sleep(1)
        elif os.environ.get("HANGS"):
            threading.Event().wait()
        self.rfile = io.BytesIO(body)
        super().do_POST()  # type: ignore[misc] # of the handler behind


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], handler: type) -> None:
        super().__init__(address, type("Handler", (Offloading, handler), {}))


if __name__ == "__main__":
    http.server.ThreadingHTTPServer = Server  # type: ignore[misc]
    runpy.run_path(streaming_engine.__file__, run_name="__main__")
