"""The episode that a rollout worker began last, in a file that outlives the worker.

Of a batch whose worker is killed only the episode under way may be to blame, and the dead say nothing. So a worker
writes each one down before it begins it: one system call of a microsecond, where a message through Ray costs as much
as a short episode. What a process wrote outlives it; with its machine it is lost, and that is no episode's fault.
For how long it has been under way tells of a worker that hangs, long before its batch would be due.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from infraray.actors import pulse
from infraray.errors import InfrarayError

READ_S = 5.0
"""How long another node may take to read a file."""

_RECORD = struct.Struct("<16sdI?")


@dataclass(frozen=True)
class Begun:
    """The episode that was begun last.

    Args:
        id: the episode's identity; no bytes where none was begun.
        attempt: how often it was begun with that time.
        under_way: whether it has not ended.
        for_s: seconds since it was begun, or ended, when this was read.
    """

    id: bytes = b""
    attempt: int = 0
    under_way: bool = False
    for_s: float = 0.0


class BegunFile:
    """Where a worker writes; in its node's session folder, beside the logs that Ray keeps of the worker.

    Raises:
        InfrarayError: the file cannot be made.
    """

    def __init__(self) -> None:
        context = ray.get_runtime_context()
        folder = ray._private.worker._global_node.get_session_dir_path()
        path = str(Path(folder, f"begun-{context.get_actor_id()}"))
        try:
            self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InfrarayError(f"{path}: cannot be made ({error.strerror})") from None
        self.place = BegunPlace(context.get_node_id(), path)
        self._last = Begun()

    def begin(self, episode: bytes, attempt: int) -> None:
        """An episode begins now, and what was under way has ended."""
        self._write(Begun(episode, attempt, True))

    def rest(self) -> None:
        """What was under way has ended."""
        self._write(Begun(self._last.id, self._last.attempt, False))

    def _write(self, begun: Begun) -> None:
        self._last = begun
        os.pwrite(self._file, _RECORD.pack(begun.id, time.monotonic(), begun.attempt, begun.under_way), 0)


@dataclass(frozen=True)
class BegunPlace:
    """The node and the path of a worker's file."""

    node: str
    path: str

    def read(self) -> Begun | None:
        """What a worker has begun last, also one that is dead or hung; None where nobody knows any more."""
        if self.node == ray.get_runtime_context().get_node_id():
            return _read(self.path)
        there = NodeAffinitySchedulingStrategy(self.node, soft=False)
        with suppress(RayError, TimeoutError):
            reader = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(_read)
            begun: Begun | None = pulse.get(reader.remote(self.path), READ_S)
            return begun
        return None


def _read(path: str) -> Begun | None:
    try:
        record = Path(path).read_bytes()
    except OSError:
        return None
    if not record:
        return Begun()
    episode, written_s, attempt, under_way = _RECORD.unpack(record)
    return Begun(episode, attempt, under_way, time.monotonic() - written_s)  # of this node, whose clock wrote it
