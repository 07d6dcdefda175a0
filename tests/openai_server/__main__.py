"""A server that says "0": python -m tests.openai_server PORT [SECONDS]."""

import sys

from tests.openai_server import Server

server = Server("0")
server.always = {"knows_its_models"}
server.delay_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
server.serve(int(sys.argv[1]))
