"""An engine that a bench launches: python -P streaming_engine.py --port PORT [--mem-fraction-static X].

Streams the word "one" as often as it is asked to. What its process imported, and where it may write,
it prints at the start. A memory fraction of 0.9 is too much for it, NOT_WHEN_FORKED makes it fail as a fork, and
with ANSWERS it answers so many requests and refuses the others, with SAYS it says nothing to the others, and AT_ONCE
makes it answer in one piece.
"""

import argparse
import http.server
import itertools
import json
import os
import tempfile

import imports

from tests.scenarios.inference.sse_server import WORD, event


class Handler(http.server.BaseHTTPRequestHandler):
    numbers = itertools.count(1)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        number = next(Handler.numbers)
        if number > int(os.environ.get("ANSWERS", "1000000")):
            self.send_error(429)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        usage = {"prompt_tokens": 1, "completion_tokens": body.get("max_tokens", 0)}
        self.send_response(200)
        if self.path.endswith("/likelihood"):
            self.end_headers()
            self.wfile.write(b'{"content": []}')
            return
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        words = body["max_tokens"] if number <= int(os.environ.get("SAYS", "1000000")) else 0
        events = [event("messages" in body, WORD, None) for _ in range(words)]
        events.append(event("messages" in body, None, "length"))
        events.append(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n")
        for some in [b"".join(events)] if os.environ.get("AT_ONCE") else events:
            self.wfile.write(some)

    def log_message(self, *_: object) -> None:
        pass


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
    parser.add_argument("--disable-radix-cache", action="store_true")
    given, _ = parser.parse_known_args()
    if given.mem_fraction_static == 0.9:
        raise RuntimeError("the weights are made of cheese")
    if os.environ.get("NOT_WHEN_FORKED") and os.getpid() != imports.BY:
        raise RuntimeError("the device does not outlive a fork")
    cache = os.environ.get("ENGINE_CACHE", "")
    written = {"temporary": tempfile.gettempdir(), "cache": cache}
    print(json.dumps({"pid": os.getpid(), "imported_by": imports.BY, **written}), flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", given.port), Handler).serve_forever()
