#!/usr/bin/python3 -I
"""A stand-in for etcd, as much of one as the stand-in for kube-apiserver asks for: it is there, a moment later."""

import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:] if "=" in argument)
time.sleep(0.1)
HTTPServer(("127.0.0.1", urlsplit(options["listen-client-urls"]).port or 0), Health).serve_forever()
