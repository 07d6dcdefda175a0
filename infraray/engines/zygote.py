"""The zygote: imports an engine's modules once, and forks a server for each launch that it is asked for.

    python zygote.py CONTROL LEARNED READ_LATE MODULE...

CONTROL is the descriptor of a socket. Each request on it is a JSON object (``command``: the words after
the interpreter, ``log``, ``grace_s``) with two descriptors: the server's lifeline, and a pipe that gets
the process id of its outer supervisor and, when nothing is left, the exit status. An empty one comes with one
descriptor, which is closed once a server could be forked. Between the zygote and a server stand the two
watchers of `supervisor.py`. When the socket closes, the zygote ends its servers and itself.

A server starts its worker processes by multiprocessing's method "spawn", each a new interpreter with all
imports again. Here they are forks as well, of a process that the server left behind before it did
anything: what they inherit is what a new interpreter would have after its imports, no thread, no
lock and nothing of the server. Variables that the server has set for them meanwhile may have been
read during the imports, or by the dynamic linker. If such a variable differs from its value during the
zygote's imports, the worker is started from scratch; once no server is left, the zygote restarts itself
with the variable (LEARNED), and the next worker is a fork. Workers of workers teach nothing: imported under
what is set for them alone, the zygote could fork neither their parents nor, below those, them.

The zygote itself never computes on a GPU, and forks only as long as that holds and it has one thread;
otherwise servers are started from scratch, which is no faster than without it.

It imports the standard library and `supervisor.py` alone, needs Linux, and runs in any environment.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import importlib.util
import json
import multiprocessing.util
import os
import resource
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any

READ_LATE = ("CUDA_VISIBLE_DEVICES", "LOCAL_", "OMP_NUM_THREADS")
"""Variables, by how they begin, that are read when they are needed: a fork sees them as well. The argument adds the
engine's own, with commas."""

DEVICES = ("/dev/kfd", "/dev/dri")
"""What is open in a process that computes on a GPU of AMD's or Intel's."""

CUDA = "libcuda.so.1"
CUDA_ERROR_NOT_INITIALIZED = 3

PR_SET_CHILD_SUBREAPER = 36

Learned = dict[str, list[str | None]]
"""Variables that workers are started with: without it, and with it."""


class Child(BaseException):
    """Unwinds a forked process to the top of the program, where it becomes what it is for."""

    def __init__(self, become: Callable[[], object]) -> None:
        super().__init__()
        self.become = become


def fork() -> int:
    """As `os.fork`; Python warns of threads, such as a linear algebra library's, that survive it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def send(channel: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Sends an object and open files."""
    data = json.dumps(message).encode()
    socket.send_fds(channel, [len(data).to_bytes(8, "big")], list(descriptors))
    channel.sendall(data)


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Receives an object and open files; None when the other end is gone."""
    data, descriptors, _, _ = socket.recv_fds(channel, 8, 253)
    while data and len(data) < 8 + int.from_bytes(data[:8], "big"):
        more = channel.recv(max(8, 8 + int.from_bytes(data[:8], "big")) - len(data))
        if not more:
            return None, descriptors
        data += more
    return (json.loads(data[8:]) if data else None), descriptors


def open_descriptors() -> set[int]:
    """Descriptors of this process beside the standard ones."""
    listed = {int(name) for name in os.listdir("/proc/self/fd")} - {0, 1, 2}
    # One of them was the listing's own.
    return {descriptor for descriptor in listed if os.path.lexists(f"/proc/self/fd/{descriptor}")}


def cuda_is_initialized() -> bool:
    """Whether this process can compute on a GPU of NVIDIA's; then a fork of it cannot.

    NVIDIA's devices are open, and the driver's library loaded, also where devices were only counted, as vLLM's
    imports do: only the driver itself knows.
    """
    try:
        driver = ctypes.CDLL(CUDA, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return False
    status: int = driver.cuCtxGetCurrent(ctypes.byref(ctypes.c_void_p()))
    return status != CUDA_ERROR_NOT_INITIALIZED


class Image:
    """What the zygote holds after the imports, and every fork of it."""

    def __init__(
        self, control: socket.socket, learned: Learned, read_late: Sequence[str], modules: Sequence[str]
    ) -> None:
        self.control = control
        self.learned = learned
        self.read_late = read_late
        self.modules = modules
        for module in modules:
            self._import(module)
        self.environment = dict(os.environ)
        self.descriptors = open_descriptors() - {control.fileno()}
        self.unsafe = self._why_not_fork()
        self.teaches = True
        """Whether the imports that this process's workers want are done for them."""
        self.lessons, self.lesson = os.pipe()
        os.set_blocking(self.lessons, False)

    def _import(self, module: str) -> None:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            print(f"not here: {module}", flush=True)
        except Exception:  # The engine will say it where it matters.
            traceback.print_exc()

    def _why_not_fork(self) -> str | None:
        threads = [thread.name for thread in threading.enumerate()]
        if len(threads) > 1:
            return f"threads run: {', '.join(threads)}"
        for descriptor in self.descriptors:
            with suppress(OSError):
                if (path := os.readlink(f"/proc/self/fd/{descriptor}")).startswith(DEVICES):
                    return f"{path} is open"
        return "CUDA is initialized" if cuda_is_initialized() else None

    def close_others(self, *kept: int) -> None:
        """Closes all descriptors except those that the imports opened and ``kept``."""
        for descriptor in open_descriptors() - self.descriptors - {self.lesson, *kept}:
            with suppress(OSError):
                os.close(descriptor)

    def renew(self) -> None:
        """Resets whatever differs between new interpreters."""
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed()

    def differing(self, environment: dict[str, str]) -> dict[str, str | None]:
        """Variables that the imports may have read and that have changed since, with their current values."""
        names = environment.keys() | self.environment.keys()
        late = (*READ_LATE, *self.read_late)
        return {
            name: environment.get(name)
            for name in sorted(names)
            if not name.startswith(late) and environment.get(name) != self.environment.get(name)
        }


def serve(image: Image, supervisor: ModuleType) -> None:
    """Forks servers until nobody can ask for one and none is left."""
    awake, wake = os.pipe()
    os.set_blocking(awake, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Asked to end, it waits for its servers, which are asked by their own supervisors.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    told: dict[int, int] = {}
    listening = [awake, image.control.fileno()]
    while len(listening) > 1 or told:
        readable, _, _ = select.select(listening, [], [])
        if awake in readable:
            with suppress(BlockingIOError):
                os.read(awake, 4096)
            reap(told)
            if not told and len(listening) > 1:
                learn(image)
        if image.control.fileno() in readable:
            request, descriptors = receive(image.control)
            if request is None:
                listening.pop()
                for pid in told:
                    os.kill(pid, signal.SIGTERM)
                continue
            if not request:
                os.close(*descriptors)
                continue
            lifeline, tells = descriptors
            pid = fork()
            if pid == 0:
                supervise(image, supervisor, request, lifeline)
            told[pid] = tells
            os.close(lifeline)
            tell(tells, pid)


def reap(told: dict[int, int]) -> None:
    """Tells the exit statuses of the servers that ended."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid in told:
                code = os.waitstatus_to_exitcode(status)
                tell(told[pid], code if code >= 0 else 128 - code)
                os.close(told.pop(pid))


def tell(pipe: int, number: int) -> None:
    """Writes a line, if anybody still reads."""
    with suppress(BrokenPipeError):
        os.write(pipe, f"{number}\n".encode())


def learn(image: Image) -> None:
    """Starts the zygote again where a worker wanted variables that it has not tried yet."""
    try:
        lesson = json.loads(os.read(image.lessons, 65_536).splitlines()[0])
    except BlockingIOError:
        return
    if lesson.keys() <= image.learned.keys():
        return
    learned = dict(image.learned)
    for name, value in lesson.items():
        without = learned[name][0] if name in learned else image.environment.get(name)
        learned[name] = [without, value]
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.set_inheritable(image.control.fileno(), True)
    # What is ignored stays so, while SIGTERM must end what has no server yet.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    words = [sys.argv[0], str(image.control.fileno()), json.dumps(learned), ",".join(image.read_late), *image.modules]
    os.execv(sys.executable, [sys.executable, *words])


def supervise(image: Image, supervisor: ModuleType, request: dict[str, Any], lifeline: int) -> None:
    """Watches one server to its end; returns in no process."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(lifeline, 0)
    image.control.detach()
    image.close_others()

    def start(output: int) -> int:
        pid = fork()
        if pid == 0:
            os.setsid()
            with open(os.devnull) as nothing:
                os.dup2(nothing.fileno(), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            raise Child(partial(run_command, image, request["command"]))
        return pid

    os._exit(supervisor.run_outer(request["owner"], request["grace_s"], request["log"], start))


def run_command(image: Image, command: list[str]) -> None:
    """Runs ``-m MODULE ARGUMENTS`` or ``-P PATH ARGUMENTS`` as the interpreter would."""
    image.close_others()
    for name, (without, _) in image.learned.items():
        if without is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = without
    if image.unsafe is not None:
        print(f"started from scratch, not forked: {image.unsafe}", flush=True)
        os.execv(sys.executable, [sys.executable, *command])
    option, program, *arguments = command
    # The main module is run under another name, also in workers.
    sys.modules.pop(program, None)
    leave_worker_zygote(image)
    image.renew()
    sys.argv = [program, *arguments]
    if option == "-m":
        sys.path.insert(0, os.getcwd())
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")


def leave_worker_zygote(image: Image) -> None:
    """Forks the process that this one's workers will be forks of, and uses it for them."""
    ours, theirs = socket.socketpair()
    if fork() == 0:
        ours.close()
        image.close_others(theirs.fileno())
        serve_workers(image, theirs)
    theirs.close()
    use_worker_zygote(image, ours)


def serve_workers(image: Image, channel: socket.socket) -> None:
    """Forks workers until the process that they are for is gone."""
    while True:
        request, descriptors = receive(channel)
        if request is None:
            os._exit(0)
        told, tells = os.pipe()
        middle = fork()
        if middle == 0:
            # The worker becomes an orphan, and so a child of whom it is for, who adopts those now.
            pid = fork()
            if pid == 0:
                raise Child(partial(run_worker, image, request, descriptors))
            os.write(tells, str(pid).encode())
            os._exit(0)
        os.waitpid(middle, 0)
        send(channel, {"pid": int(os.read(told, 100))})
        for descriptor in (told, tells, *descriptors):
            os.close(descriptor)


def run_worker(image: Image, request: dict[str, Any], descriptors: list[int]) -> None:
    """Becomes what a new interpreter would be that got this command, descriptors and surroundings."""
    above = max(request["descriptors"]) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, above) for descriptor in descriptors]
    image.close_others(*moved)
    for descriptor, number in zip(moved, request["descriptors"], strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.sched_setaffinity(0, request["affinity"])
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, request["files"])
    image.teaches = False
    leave_worker_zygote(image)
    image.renew()
    threads, torch = os.environ.get("OMP_NUM_THREADS", ""), sys.modules.get("torch")
    if torch is not None and threads.isdigit():
        torch.set_num_threads(int(threads))
    option, code, *arguments = request["command"]
    sys.argv = [option, *arguments]
    exec(code, {"__name__": "__main__"})


def use_worker_zygote(image: Image, channel: socket.socket) -> None:
    """Lets multiprocessing start its processes through the channel."""
    plain: Callable[[Any, Any, Any], int] = multiprocessing.util.spawnv_passfds
    one_at_a_time = threading.Lock()
    adopt = ctypes.CDLL(None, use_errno=True).prctl

    def spawnv_passfds(path: Any, words: Any, passfds: Sequence[int]) -> int:
        command = [os.fsdecode(word) for word in words]
        if os.fsdecode(path) != sys.executable or command[-1] != "--multiprocessing-fork":
            return plain(path, words, passfds)
        differing = image.differing(dict(os.environ))
        if differing:
            print(f"a worker is started from scratch, not forked, for {', '.join(differing)}", flush=True)
            if image.teaches:
                with suppress(OSError):
                    os.write(image.lesson, json.dumps(differing).encode() + b"\n")
            return plain(path, words, passfds)
        request = {
            "command": command[-3:],
            "descriptors": list(passfds),
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "affinity": sorted(os.sched_getaffinity(0)),
            "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        }
        with one_at_a_time:
            adopt(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            try:
                send(channel, request, passfds)
                answer, _ = receive(channel)
            finally:
                adopt(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        if answer is None:
            raise ChildProcessError("the process that workers are forked from is gone")
        return int(answer["pid"])

    multiprocessing.util.spawnv_passfds = spawnv_passfds  # type: ignore[assignment]


def load_supervisor() -> ModuleType:
    """The module that stands beside this file."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "supervisor.py")
    spec = importlib.util.spec_from_file_location("supervisor", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(control: str, learned: str, read_late: str, *modules: str) -> None:
    """Imports the modules and serves."""
    # This file's folder has modules that are named as the engines'.
    with suppress(ValueError):
        sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    supervisor = load_supervisor()
    channel = socket.socket(fileno=int(control))
    os.set_inheritable(channel.fileno(), False)
    serve(Image(channel, json.loads(learned), [name for name in read_late.split(",") if name], modules), supervisor)


if __name__ == "__main__":
    run: Callable[[], object] | None = partial(main, *sys.argv[1:])
    while run is not None:
        try:
            run()
            run = None
        except Child as child:
            run = child.become
