"""The embedded cluster's API server: `python -m benchmarks.api_server`, about a minute.

Prints, with 5,000 objects and 50 watchers:
- from the start of the process to its first answer (target: 0.3 s), against importing aiohttp alone;
- reads and writes a second, one after the other on one connection, with the watchers against without them;
- the time from a write until the last of the watchers has it, against that for a single watcher;
- the time of a list of all objects.

There is no kube-apiserver to compare with on a machine without Go binaries.
"""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from socket import create_connection
from typing import Any

from benchmarks.table import Row, print_table

OBJECTS = 5000
WATCHERS = 50
REPEATS = 5
REQUESTS = 500

SERVER = Path(__file__).parents[1] / "infraray" / "emulators" / "cluster" / "api_server"
MAPS = "/api/v1/namespaces/default/configmaps"


@contextmanager
def running_server() -> Iterator[tuple[str, float]]:
    """A server, as HOST:PORT, and the seconds until it answered."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-I", str(SERVER)], stdout=subprocess.PIPE, text=True, cwd=folder)
        assert process.stdout is not None
        host = process.stdout.readline().strip().removeprefix("http://")
        Client(host).ask("GET", "/readyz")
        seconds = time.perf_counter() - began
        try:
            yield host, seconds
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


class Client:
    """One connection."""

    def __init__(self, host: str) -> None:
        self._connection = http.client.HTTPConnection(host)

    def ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> bytes:
        """The body of an answer that is no error."""
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {"Content-Type": media} if data else {})
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status < 300, answer
        return answer

    def write(self, name: str, value: str) -> None:
        """Changes an object."""
        self.ask("PATCH", f"{MAPS}/{name}", {"data": {"value": value}}, "application/merge-patch+json")


class Watchers:
    """Connections that watch all config maps."""

    def __init__(self, host: str, count: int) -> None:
        self._selector = DefaultSelector()
        name, _, port = host.partition(":")
        self._streams = [create_connection((name, int(port))) for _ in range(count)]
        version = json.loads(Client(host).ask("GET", f"{MAPS}?limit=1"))["metadata"]["resourceVersion"]
        for stream in self._streams:
            stream.sendall(f"GET {MAPS}?watch=true&resourceVersion={version} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert b"200 OK" in stream.recv(4096)
            self._selector.register(stream, EVENT_READ)

    def wait_for(self, text: bytes) -> None:
        """Reads until every watcher has been sent a text."""
        waiting = set(self._streams)
        while waiting:
            for key, _ in self._selector.select():
                if text in key.fileobj.recv(1 << 20):
                    waiting.discard(key.fileobj)

    def close(self) -> None:
        """Ends the watches."""
        for stream in self._streams:
            stream.close()
        self._selector.close()


def reads_per_second(client: Client) -> float:
    began = time.perf_counter()
    for number in range(REQUESTS):
        client.ask("GET", f"{MAPS}/m{number}")
    return REQUESTS / (time.perf_counter() - began)


def writes_per_second(client: Client, watchers: Watchers | None) -> float:
    began = time.perf_counter()
    for number in range(REQUESTS):
        client.write(f"m{number}", f"w{time.monotonic_ns()}")
        if watchers is not None and number % 50 == 49:
            last = f"read{time.monotonic_ns()}"
            client.write("m0", last)
            watchers.wait_for(last.encode())
    return REQUESTS / (time.perf_counter() - began)


def watch_latency_s(client: Client, watchers: Watchers) -> float:
    """Seconds from before a write until all watchers have it; the median."""
    taken = []
    for _ in range(50):
        value = f"latency{time.monotonic_ns()}"
        began = time.perf_counter()
        client.write("m1", value)
        watchers.wait_for(value.encode())
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def list_s(client: Client) -> float:
    began = time.perf_counter()
    client.ask("GET", MAPS)
    return time.perf_counter() - began


def import_s(module: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", f"import {module}"], check=True)
    return time.perf_counter() - began


def main() -> list[Row]:
    starts, imports = [], []
    for _ in range(REPEATS):
        with running_server() as (_, seconds):
            starts.append(seconds)
        imports.append(import_s("aiohttp"))
    start, aiohttp = min(starts), min(imports)
    rows = [
        Row(
            "API server: start to the first answer",
            f"{start:.2f} s",
            "import aiohttp",
            f"{aiohttp:.2f} s",
            aiohttp / start,
            "0.3 s",
        )
    ]
    with running_server() as (host, _):
        client = Client(host)
        for number in range(OBJECTS):
            client.ask("POST", MAPS, {"metadata": {"name": f"m{number}"}, "data": {"value": "0"}})
        reads = max(reads_per_second(client) for _ in range(REPEATS))
        listed = min(list_s(client) for _ in range(REPEATS))
        alone = max(writes_per_second(client, None) for _ in range(REPEATS))
        one = Watchers(host, 1)
        single = min(watch_latency_s(client, one) for _ in range(REPEATS))
        one.close()
        many = Watchers(host, WATCHERS)
        crowd = min(watch_latency_s(client, many) for _ in range(REPEATS))
        watched = max(writes_per_second(client, many) for _ in range(REPEATS))
        many.close()
    of = f"{OBJECTS} objects"
    rows += [
        Row(
            f"writes, {of}, {WATCHERS} watchers",
            f"{watched:.0f}/s",
            "without watchers",
            f"{alone:.0f}/s",
            watched / alone,
            "",
        ),
        Row(
            f"a write seen by {WATCHERS} watchers",
            f"{crowd * 1e3:.1f} ms",
            "by one",
            f"{single * 1e3:.1f} ms",
            single / crowd,
            "",
        ),
        Row(f"reads, {of}", f"{reads:.0f}/s", "writes", f"{alone:.0f}/s", reads / alone, ""),
        Row(
            f"a list of {of}",
            f"{listed * 1e3:.0f} ms",
            f"{OBJECTS} reads",
            f"{OBJECTS / reads * 1e3:.0f} ms",
            OBJECTS / reads / listed,
            "",
        ),
    ]
    return rows


if __name__ == "__main__":
    print_table(main())
