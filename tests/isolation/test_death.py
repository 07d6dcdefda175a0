"""When the caller is killed, at whatever moment, nothing of its sandboxes stays."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import warnings
from pathlib import Path

import pytest

from infraray.isolation import Limits, Sandbox
from tests.isolation.elsewhere import in_fork
from tests.isolation.host import adopting, children, left_after

STUBBORN = "trap '' TERM HUP INT; setsid sleep 1000 & (sleep 1000 &) & sleep 1000"


def killed_after(seconds: float, text: str) -> set[int]:
    """Kills a process that runs sandboxes without end, and tells what is left."""
    known = children()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        caller = os.fork()
    if caller == 0:
        try:
            while True:
                Sandbox(Limits(wall_s=600)).run(text)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(caller, signal.SIGKILL)
    os.waitpid(caller, 0)
    return left_after(known)


@pytest.mark.parametrize("seed", range(4))
def test_killed_caller_leaves_no_process(seed: int) -> None:
    moments = random.Random(seed)
    with adopting():
        for _ in range(10):
            assert killed_after(moments.uniform(0, 0.04), moments.choice([STUBBORN, "true"])) == set()


def test_killed_caller_takes_a_hijacked_first_process_along() -> None:
    """A program may write into the memory of the first process, but not keep it alive."""
    hijack = """
import ctypes, os, time
for line in open('/proc/1/maps'):
    if 'r-xp' in line and 'bwrap' in line:
        begin = int(line.split('-')[0], 16)
        end = int(line.split('-')[1].split()[0], 16)
memory = os.open('/proc/1/mem', os.O_RDWR)
loop = {'x86_64': b'\\xeb\\xfe', 'aarch64': b'\\x00\\x00\\x00\\x14'}[os.uname().machine]
os.pwrite(memory, loop * ((end - begin) // len(loop)), begin)
if not os.fork():
    os._exit(0)
time.sleep(1000)
"""
    with adopting():
        known = children()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            caller = os.fork()
        if caller == 0:
            try:
                Sandbox(Limits(wall_s=600, cpu_s=600)).run_python(hijack)
            finally:
                os._exit(0)
        time.sleep(0.5)
        os.kill(caller, signal.SIGKILL)
        os.waitpid(caller, 0)
        assert left_after(known) == set()


def test_killed_keeper_is_replaced() -> None:
    def keeper() -> int:
        (pid,) = [pid for pid in children() if b"read -r event" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return pid

    def replace() -> tuple[bool, str]:
        Sandbox().run("true")
        first = keeper()
        os.kill(first, signal.SIGKILL)
        output = Sandbox().run("echo still isolated").output
        return first != keeper(), output

    assert in_fork(replace) == (True, "still isolated\n")


def test_sandboxes_end_with_an_interpreter_that_ends_well() -> None:
    def begin() -> None:
        threading.Thread(target=Sandbox(Limits(wall_s=600)).run, args=(STUBBORN,), daemon=True).start()
        time.sleep(0.3)

    with adopting():
        known = children()
        in_fork(begin)
        assert left_after(known) == set()
