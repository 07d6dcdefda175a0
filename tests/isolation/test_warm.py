"""A warm interpreter: what one request does is not there for the next, nor for anybody outside."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.isolation import Limits, WarmPython
from tests.isolation.elsewhere import as_nobody
from tests.isolation.host import children

MODULE = Path(__file__).with_name("warm_module.py")
LIMITS = Limits(wall_s=20, cpu_s=20, memory_bytes=128 * 2**20, processes=16)


@pytest.fixture(scope="module")
def python() -> Iterator[WarmPython]:
    with WarmPython(MODULE, (), b"given", LIMITS) as made:
        yield made


def out(python: WarmPython, code: str) -> Any:
    answered = python.run(dedent(code).encode())
    assert answered.reply is not None, answered
    return json.loads(answered.reply)


def test_what_was_given_is_there_for_every_request(python: WarmPython) -> None:
    assert [out(python, "out = given.decode()") for _ in range(2)] == ["given", "given"]


LEAVE_AND_LOOK = {
    "files": (
        "import os; [open(f'{folder}/left', 'w').write('x') for folder in ('/tmp', '/dev/shm')]",
        "import os; out = os.listdir('/tmp') + os.listdir('/dev/shm')",
        [],
    ),
    "modules": ("import json; json.left = 1", "import json; out = hasattr(json, 'left')", False),
    "builtins": ("import builtins; builtins.left = 1", "import builtins; out = hasattr(builtins, 'left')", False),
    "processes": (
        "import os, time\nif os.fork() == 0:\n os.setsid()\n time.sleep(99)",
        "import os; out = [name for name in os.listdir('/proc') if name.isdigit()]",
        ["1"],
    ),
    "the request's own text": (
        "x = 'unmistak' + 'able'",
        "text = open('/proc/self/mem', 'rb', 0); out = []\n"
        "for line in open('/proc/self/maps'):\n"
        "    ends, mode = line.split()[:2]\n"
        "    if mode.startswith('rw'):\n"
        "        begin, end = (int(word, 16) for word in ends.split('-'))\n"
        "        text.seek(begin)\n"
        "        out += ['found'] * text.read(end - begin).count(bytes([120, 32, 61, 32, 39]) + b'unmistak')",
        [],
    ),
    "signals and hooks": (
        "import atexit, sys; atexit.register(print, 'left'); sys.excepthook = None",
        "import sys; out = sys.excepthook is sys.__excepthook__",
        True,
    ),
}


@pytest.mark.parametrize("name", LEAVE_AND_LOOK)
def test_nothing_of_a_request_is_there_for_the_next(python: WarmPython, name: str) -> None:
    leave, look, found = LEAVE_AND_LOOK[name]
    out(python, leave)
    assert out(python, look) == found


REFUSED = {
    "a socket": "import socket; socket.socket()",
    "a namespace": "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000): raise OSError",
    "a mount": "import ctypes\nif ctypes.CDLL(None).mount(b'tmpfs', b'/usr', b'tmpfs', 0, 0): raise OSError",
    "the system's files": "open('/usr/left', 'w')",
    "the machine's settings": "open('/proc/sys/kernel/hostname', 'w').write('left')",
    "its own program": "open('/warm/module.py', 'w')",
    "another's process": "import os; os.kill(2, 9)",
    "a terminal": "import os; os.openpty()",
    "a file that nobody gave it": "open('/etc/shadow')",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_has_no_right_to(python: WarmPython, name: str) -> None:
    lines = [f"    {line}" for line in REFUSED[name].split("\n")]
    assert out(python, "\n".join(["try:", *lines, "except OSError: out = 'refused'"])) == "refused"


def test_a_request_has_no_capability_and_two_filters(python: WarmPython) -> None:
    status = out(python, "out = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)")
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp_filters"].strip() == "2"


def test_a_request_has_no_descriptor_but_its_own(python: WarmPython) -> None:
    kinds = "import os, stat; out = []\nfor file in range(64):\n try: out.append(stat.S_IFMT(os.fstat(file).st_mode))\n"
    assert len(out(python, kinds + " except OSError: pass")) == 4  # input, output, errors and its stream


ENDED = {
    "leaves without a word": ("import os; os._exit(3)", ("exit", 3)),
    "leaves by a signal": ("import ctypes; ctypes.string_at(0)", ("signal", 11)),
    "closes its stream": ("import os; os.closerange(3, 64)\nwhile True: pass", ("signal", 9)),
    "prints without end": ("while True: print('x' * 1000)", ("output", None)),
    "keeps memory without end": ("kept = []\nwhile True: kept.append(str(len(kept)) * 10**6)", ("memory", None)),
    "fills its files": ("while True:\n for n in range(99): open(f'/tmp/{n}', 'ab').write(b'x' * 10**6)", None),
    "forks without end": ("import os\nwhile True:\n try: os.fork()\n except OSError: pass", None),
    "says that its reply is endless": (
        "import os\nfor file in range(3, 64):\n try: os.write(file, b'\\xff' * 8)\n except OSError: pass\n"
        "while True: pass",
        ("time", None),
    ),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_request_that(name: str) -> None:
    code, expected = ENDED[name]
    limits = Limits(wall_s=2 if expected == ("time", None) else 20, memory_bytes=128 * 2**20, processes=16)
    with WarmPython(MODULE, (), b"", limits) as python:
        answered = python.run(code.encode())
        assert answered.reply is None
        if expected is not None:
            assert (answered.ended, answered.code) == expected
        assert out(python, "out = 1") == 1  # the next one is answered


def test_a_reply_is_there_though_threads_go_on(python: WarmPython) -> None:
    assert out(python, "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start(); out = 1") == 1


def test_signals_to_everybody_reach_nobody_else(python: WarmPython) -> None:
    out(python, "import os, signal; signal.signal(15, signal.SIG_IGN); os.kill(0, 15); os.kill(1, 9)")
    answered = python.run(b"import os; os.kill(0, 9)")
    assert answered.reply is not None  # the kernel keeps a namespace's first process from its own signals
    assert out(python, "out = 1") == 1


def test_a_killed_interpreter_is_started_anew() -> None:
    others = children()  # such as the Ray cluster of other tests
    with WarmPython(MODULE, (), b"given", LIMITS) as python:
        out(python, "out = 1")
        for pid in children() - others:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                assert out(python, "out = 1") == 1
                return
            except InfrarayError:
                continue  # it was just dying
        pytest.fail("no new interpreter")


def test_requests_run_beside_each_other(python: WarmPython) -> None:
    with ThreadPoolExecutor(4) as threads:
        codes = [f"import time; time.sleep(0.2); out = {number}" for number in range(4)]
        assert list(threads.map(lambda code: out(python, code), codes)) == [0, 1, 2, 3]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_has_the_same() -> None:
    def ask() -> list[Any]:
        with WarmPython(MODULE, (), b"given", LIMITS) as python:
            return [out(python, "out = given.decode()"), python.run(b"import os; os._exit(3)").code]

    assert as_nobody(ask) == ["given", 3]


def test_a_module_that_cannot_be_prepared_is_an_error(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def prepare(given): raise ValueError('not like this')")
    with pytest.raises(InfrarayError, match="not like this"), WarmPython(module, (), b"", LIMITS) as python:
        python.run(b"")


def test_a_package_that_is_missing_is_an_error() -> None:
    with pytest.raises(InfrarayError, match="nosuchpackage is not installed"):
        WarmPython(MODULE, ("nosuchpackage",), b"", LIMITS).run(b"")
