"""Ends this process's sandboxes when it dies, at any moment and for any reason.

A shell beside this process knows the running sandboxes and kills their first processes when its input ends, which the
kernel guarantees. bubblewrap's own mechanism (``--die-with-parent``) leaves processes behind if the caller dies while
the sandbox is being built: the half-built one waits forever for its builder.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import threading
from contextlib import suppress

_SCRIPT = """
live=' '
while read -r event pid; do
    case "$event$live" in
        begun*) live="$live$pid " ;;
        ended*" $pid "*) live="${live%% $pid *} ${live#* $pid }" ;;
    esac
done
[ "$live" = ' ' ] || kill -KILL $live
"""


class Keeper:
    """The standby shell, started when first needed and restarted if somebody has killed it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shell: subprocess.Popen[bytes] | None = None
        self._live: set[int] = set()

    def begun(self, init: int) -> None:
        """Registers a sandbox: from now on it ends with this process.

        Args:
            init: its first process.
        """
        with self._lock:
            self._live.add(init)
            if not self._tell("begun", init):
                self._start()

    def ended(self, init: int) -> None:
        """Forgets a sandbox that has ended; its process id may be reused."""
        with self._lock:
            self._live.discard(init)
            self._tell("ended", init)

    def forget(self) -> None:
        """In a fork: the parent's sandboxes are not ours, and its keeper must not wait for our end."""
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.close()
            self._shell.returncode = 0  # the other process waits for it
        self.__init__()  # type: ignore[misc]

    def close(self) -> None:
        """Ends the shell and with it all sandboxes."""
        with self._lock:
            if self._shell is not None and self._shell.stdin is not None:
                self._shell.stdin.close()
                self._shell.wait()
                self._shell = None

    def _start(self) -> None:
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.close()
            self._shell.wait()
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            cwd="/",
            start_new_session=True,  # a Ctrl-C is for us to handle
        )
        for init in self._live:
            self._tell("begun", init)

    def _tell(self, event: str, init: int) -> bool:
        """Whether the shell was running and received the message."""
        if self._shell is None or self._shell.stdin is None:
            return False
        with suppress(BrokenPipeError):
            self._shell.stdin.write(f"{event} {init}\n".encode())
            return True
        return False


KEEPER = Keeper()
atexit.register(KEEPER.close)
os.register_at_fork(after_in_child=KEEPER.forget)
