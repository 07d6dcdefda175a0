"""An engine that a bench launches: python -P streaming_engine.py --port PORT [--mem-fraction-static X].

Streams a word as often as it is asked to. What its process imported, and where it may write, it prints at the start. A
memory fraction of 0.9 is too much for it, NOT_WHEN_FORKED makes it fail as a fork, and with ANSWERS it answers so many
requests and refuses the others, with SAYS it says nothing to the others, and AT_ONCE makes it answer in one piece.

With --offloads it holds a connection to OFFLOAD_TO (a port on this machine) for a second for each of the workload's
requests, those of at most four tokens, and with HANGS it answers no other request, ever.
"""

import argparse
import itertools
import json
import os
import socket
import tempfile
import time
from typing import Any

import imports

from tests.openai_server import Reply, Server

MANY = "1000000"
NUMBERS = itertools.count(1)


def answer(body: dict[str, Any]) -> Reply | int:
    number = next(NUMBERS)
    if number > int(os.environ.get("ANSWERS", MANY)):
        return 429
    usage = {"prompt_tokens": 1, "completion_tokens": body.get("max_tokens", 0)}
    tokens = None if number <= int(os.environ.get("SAYS", MANY)) else 0
    return Reply(tokens=tokens, usage=usage, finish_reason="length", writes=0 if os.environ.get("AT_ONCE") else 1)


def offload(body: dict[str, Any]) -> Reply | int:
    if body["max_tokens"] > 4:
        return Reply(trouble="hang") if os.environ.get("HANGS") else answer(body)
    if upstream := os.environ.get("OFFLOAD_TO"):
        with socket.create_connection(("127.0.0.1", int(upstream))):
            time.sleep(1)
    return answer(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--mem-fraction-static", type=float)
    for flag in (
        "max-running-requests",
        "chunked-prefill-size",
        "schedule-policy",
        "kv-cache-dtype",
        "stream-interval",
    ):
        parser.add_argument(f"--{flag}")
    for flag in ("disable-radix-cache", "offloads"):
        parser.add_argument(f"--{flag}", action="store_true")
    given, _ = parser.parse_known_args()
    if given.mem_fraction_static == 0.9:
        raise RuntimeError("the weights are made of cheese")
    if os.environ.get("NOT_WHEN_FORKED") and os.getpid() != imports.BY:
        raise RuntimeError("the device does not outlive a fork")
    cache = os.environ.get("ENGINE_CACHE", "")
    written = {"temporary": tempfile.gettempdir(), "cache": cache}
    print(json.dumps({"pid": os.getpid(), "imported_by": imports.BY, **written}), flush=True)
    Server(offload if given.offloads else answer).serve(given.port)
