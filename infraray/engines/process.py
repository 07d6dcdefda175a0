"""An engine's server as a child process: its port, its log, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from infraray.engines.preloaded import PreloadedLauncher, PreloadedServer
from infraray.engines.spec import EngineSpec
from infraray.engines.supervised import SupervisedCommand
from infraray.engines.supervisor import KILL_S, descendants
from infraray.errors import InfrarayError
from infraray.policy.trained import model_folder
from infraray.scratch import make_scratch, remove_scratch

GRACE_S = 5.0
"""Seconds that a server may take to end by itself before it is killed."""

PORT_ATTEMPTS = 4
PROBE_TIMEOUT_S = 10.0
"""Seconds that a busy server may take to answer a health check."""

TAIL_BYTES = 256 * 1024

_PORT_TAKEN = ("address already in use", "Address already in use", "Errno 98", "EADDRINUSE")


class EngineProcess:
    """One server of an engine on this machine; one with a ``url`` is only asked.

    Args:
        spec: the engine to start.
        host: the address on which it listens and is reached.
        preloaded: starts it from a process that has imported the engine, if the engine supports that;
            without it, and for a user's own command, the start is a plain one.
        scratch: gives it empty folders of its own for temporary files and for what engines cache from
            one start to the next; without it, it uses the shared ones.
    """

    def __init__(
        self,
        spec: EngineSpec,
        host: str = "127.0.0.1",
        preloaded: PreloadedLauncher | None = None,
        scratch: bool = False,
    ) -> None:
        self.spec = spec
        self.host = host
        self.kind = spec.kind
        self.port = 0
        self._preloaded = preloaded
        self._scratch = scratch
        self._server: SupervisedCommand | PreloadedServer | None = None
        self._folder = make_scratch()
        self._stopped = False
        self._launching = threading.Lock()

    @property
    def url(self) -> str:
        """The base URL for OpenAI's clients."""
        return self.spec.url.rstrip("/") or f"http://{self.host}:{self.port}/v1"

    @property
    def pid(self) -> int | None:
        """The root of the server's processes; None if none was started."""
        return None if self._server is None else self._server.pid

    @property
    def is_preloaded(self) -> bool:
        """Whether it is started from a process that has imported the engine."""
        return self._preloaded is not None and bool(self.kind.preload) and not self.spec.command

    def start(self) -> None:
        """Starts the server on a free port and waits until it serves requests.

        Raises:
            InfrarayError: it ended or was not ready in time; the text holds its own reason.
        """
        deadline = time.monotonic() + self.spec.ready_timeout_s
        for _ in range(PORT_ATTEMPTS):
            self._launch()
            if self._wait_until_ready(deadline):
                return
            self._end_server()
        raise InfrarayError(f"{self._who()}: found no free port in {PORT_ATTEMPTS} attempts")

    def alive(self) -> bool:
        """Whether the server is still running; one elsewhere is asked."""
        if self._stopped:
            return False
        return self.healthy() if self.spec.url else self._exit_status() is None

    def healthy(self) -> bool:
        """Whether the server answers."""
        base = self.spec.url.rstrip("/").removesuffix("/v1") or f"http://{self.host}:{self.port}"
        try:
            # No proxy from the environment: the server is ours.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({} if not self.spec.url else None))
            with opener.open(base + self.kind.ready_path, timeout=PROBE_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            # A server that asks for a key is up; only our own must answer 200.
            return bool(self.spec.url) and error.code in (401, 403)
        except (OSError, ValueError, HTTPException):
            return False

    def log_tail(self, lines: int = 100) -> str:
        """The last lines that the server printed."""
        text = b""
        for path in (self._log.with_suffix(".log.1"), self._log):
            with suppress(OSError), path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - TAIL_BYTES))
                text += file.read()
        return "\n".join(text.decode(errors="replace").splitlines()[-lines:])

    def why_it_ended(self) -> str:
        """One line: the engine's own reason, or the exit status."""
        status = self._exit_status()
        reason = self.kind.reason(self.log_tail(10_000))
        if reason is None:
            last = self.log_tail(1).strip()
            reason = f"exit status {status}" + (f", last line: {last[:300]}" if last else ", it printed nothing")
            if status == 137:
                reason += " (killed; was memory short?)"
        return reason

    def end(self) -> None:
        """Ends the server and everything that it started; returns when nothing is left. May be called twice."""
        with self._launching:
            self._stopped = True
        self._end_server()

    def _end_server(self) -> None:
        if self._server is not None and not self._server.end(GRACE_S + 2 * KILL_S):
            raise InfrarayError(f"{self._who()}: process {self._server.pid} cannot be killed")

    def remove_log(self) -> None:
        """Deletes the log, and the server's own folders if it has any."""
        remove_scratch(self._folder)

    @property
    def _log(self) -> Path:
        return self._folder / "engine.log"

    def _who(self) -> str:
        what = self.spec.url or f"{self.spec.engine} {self.spec.model}"
        return f"engine {self.spec.name} ({what})"

    def _launch(self) -> None:
        if self.spec.url:
            return
        model = model_folder(self.spec.model)
        is_path = model.startswith(("/", "./", "../"))
        if is_path and not self.spec.command and not Path(model).exists():
            raise InfrarayError(f"{self._who()}: no such model folder on {socket.gethostname()}")
        self.port = free_port(self.host)
        places = {"python": self.spec.python, "model": model, "host": self.host, "port": str(self.port)}
        command = self.kind.command_line(self.spec.command or self.kind.command, places, self.spec.server_flags)
        self._log.with_suffix(".log.1").unlink(missing_ok=True)
        self._log.unlink(missing_ok=True)
        with self._launching:
            if self._stopped:
                raise InfrarayError(f"{self._who()}: was stopped while it started")
            if self._preloaded is not None and self.is_preloaded:
                self._server = self._preloaded.launch(self.kind, command, self._environment(), self._log, GRACE_S)
            else:
                self._server = SupervisedCommand(command, self._environment(), self._log, GRACE_S)

    def _environment(self) -> dict[str, str]:
        return {**engine_environment(self.spec), **self._scratch_folders()}

    def _scratch_folders(self) -> dict[str, str]:
        """The server's own folders, by the variables that name them."""
        if not self._scratch:
            return {}
        # Sockets are in the temporary one, whose path must be short.
        folders = {"TMPDIR": self._folder / "t", **{name: self._folder / name.lower() for name in self.kind.caches}}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        return {name: str(folder) for name, folder in folders.items()}

    def _wait_until_ready(self, deadline: float) -> bool:
        """Returns False if another process has the port.

        Raises:
            InfrarayError: it ended or was not ready in time.
        """
        pause_s = 0.05
        while True:
            if self._stopped:
                raise InfrarayError(f"{self._who()}: was stopped while it started")
            if self._exit_status() is not None:
                if any(mark in self.log_tail(10_000) for mark in _PORT_TAKEN):
                    return False
                raise InfrarayError(f"{self._who()}: did not start: {self.why_it_ended()}")
            if self.healthy():
                # Somebody else's server may answer on the port that ours did not get.
                return self._port_is_ours()
            if time.monotonic() > deadline:
                reason = self.kind.reason(self.log_tail(10_000)) or self.log_tail(1).strip()[:300]
                self._end_server()
                raise InfrarayError(
                    f"{self._who()}: not ready after {self.spec.ready_timeout_s:g} s (ready_timeout_s)"
                    + (f": {reason}" if reason else "")
                )
            time.sleep(pause_s)
            pause_s = min(0.5, pause_s * 1.3)

    def _exit_status(self) -> int | None:
        return None if self._server is None else self._server.status()

    def _port_is_ours(self) -> bool:
        """Whether the listening process is below the supervisors; a user's command may start it elsewhere."""
        if self.pid is None or self.spec.command:
            return True
        listening = _listening_inodes(self.port)
        for pid in descendants(self.pid):
            with suppress(OSError):
                for entry in os.scandir(f"/proc/{pid}/fd"):
                    with suppress(OSError):
                        listening.discard(os.readlink(entry.path))
        return not listening


def engine_environment(spec: EngineSpec) -> dict[str, str]:
    """The environment variables of every process of an engine."""
    environment = dict(os.environ)
    if spec.python != sys.executable:
        # Another environment's Python must not find this one's packages.
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            environment.pop(name, None)
    # No engine reports home from a measurement, unless the user's own environment says so.
    own = {"DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
    return {**own, **environment, **spec.env}


def free_port(host: str) -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _listening_inodes(port: int) -> set[str]:
    """The sockets that listen on ``port``, named as /proc/PID/fd does."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
