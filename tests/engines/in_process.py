"""Our own servers within the process of a test, and the requests that are made of them."""

from __future__ import annotations

import http.client
import importlib.util
import json
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVERS = Path(__file__).parents[2] / "infraray" / "engines" / "servers"
SMALL_MODEL = str(Path(__file__).with_name("small_model"))
"""For transformers and for onnxruntime-genai."""


def load_program(name: str) -> Any:
    """The module, which its environment knows by its path alone."""
    spec = importlib.util.spec_from_file_location(name, SERVERS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def serving(program: Any, load: Callable[[], Any], name: str = SMALL_MODEL) -> Iterator[Any]:
    """The server of a program."""
    server = program.openai_api.Server(("127.0.0.1", 0), load, name)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def url_of(server: Any) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/v1"


def ask(url: str, **fields: Any) -> str:
    """What a chat of six tokens is answered with, if no other fields are given."""
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 6, "ignore_eos": True, **fields}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def events(told: str) -> list[Any]:
    """The chunks of a stream."""
    return [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: {")]


def exchange(url: str, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str) -> Any:
    """The status and the document of an answer, over one connection that must not be dropped."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request(method, f"{parts.path}{path}", body, headers, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def refusal(url: str, path: str, body: Any) -> str:
    """The reason, in one line, why a request is not answered."""
    status, told = exchange(url, "POST", path, body if isinstance(body, bytes) else json.dumps(body).encode())
    reason: str = told["error"]["message"]
    assert status == 400 and "\n" not in reason, (status, reason)
    return reason
