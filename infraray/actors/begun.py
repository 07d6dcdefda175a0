"""The episode that a rollout worker began last, in a file that outlives the worker.

When a worker is killed, only the episode under way in its batch may be to blame, and the dead say nothing. So a worker
writes down each episode before it begins it: one system call of a microsecond, while a message through Ray costs as
much as a short episode. The file outlives the process; it is lost with the machine, but then no episode is at fault.
The time that an episode has been under way reveals a hanging worker long before its batch would be due.
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
"""Seconds that another node may take to read a file."""

_RECORD = struct.Struct("<16sdI?")


@dataclass(frozen=True)
class Begun:
    """The episode that was begun last.

    Args:
        id: the episode's identity; no bytes if none was begun.
        attempt: the number of times it has been begun, including this one.
        under_way: whether it has not ended.
        for_s: seconds since it began, or ended, when this was read.
    """

    id: bytes = b""
    attempt: int = 0
    under_way: bool = False
    for_s: float = 0.0


class BegunFile:
    """The file to which a worker writes, in its node's session folder beside Ray's logs of the worker.

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
        """Notes that an episode begins, and that the previous one has ended."""
        self._write(Begun(episode, attempt, True))

    def rest(self) -> None:
        """Notes that the episode under way has ended."""
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
        """The episode that a worker began last, even if the worker is dead or hangs; None if nobody knows any more."""
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
