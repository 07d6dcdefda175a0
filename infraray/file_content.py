"""A file's current content: read, decompressed, and parsed once per content.

An environment asks for its trace at every reset, so parsed results are cached; but a path is only
a name. Results are cached by the hash of the content, so that a file that has been rewritten or
deleted since is seen as it is now. To avoid hashing large files at every reset, the hash is reused
while the file system reports the same file, size and times. Its times are too coarse to tell two
writes at one moment apart, so a file that changed shortly before it was hashed is hashed again
next time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path, PurePath
from typing import Any, TypeVar

import pyarrow as pa

from infraray.errors import InfrarayError

SETTLED_NS = 2_000_000_000
"""A change longer ago than this has a distinct time, even on a file system that rounds to whole even seconds."""

COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
"""Codecs by the endings of files' names."""

Parsed = TypeVar("Parsed")
Identity = tuple[int, ...]


def parsed_once(owner: str, keep: int) -> Callable[[Callable[..., Parsed]], Callable[..., Parsed]]:
    """Turns a function of ``(name, content, *arguments)`` into one of ``(path, *arguments)``.

    ``content`` is the file's, decompressed if its ending says so; ``name`` is "OWNER: PATH", for
    the start of errors. Equal contents with equal arguments are parsed once; results are shared
    and must not be changed.

    Args:
        owner: whose file it is: the scenario's name.
        keep: the number of results to keep.

    Raises:
        InfrarayError: from the resulting function, if the file cannot be read.
    """

    def make(parse: Callable[..., Parsed]) -> Callable[..., Parsed]:
        digests: dict[str, tuple[Identity, bytes]] = {}
        results: OrderedDict[tuple[Any, ...], Parsed] = OrderedDict()

        @wraps(parse)
        def read(path: str, *arguments: Any) -> Parsed:
            name, codec = f"{owner}: {path}", COMPRESSED.get(PurePath(path).suffix.lower())
            with _told(name):
                identity, looked_ns = _identity(path), time.time_ns()
            known, digest = digests.get(path, (None, b""))
            key = (digest, codec, arguments)
            if known != identity or key not in results:
                with _told(name):
                    content = Path(path).read_bytes()
                digest = hashlib.sha256(content).digest()
                key = (digest, codec, arguments)
                if looked_ns - identity[-1] > SETTLED_NS:
                    digests[path] = identity, digest
            if key not in results:
                with _told(name):
                    content = _decompressed(content, codec)
                results[key] = parse(name, content, *arguments)
            results.move_to_end(key)
            if len(results) > keep:
                results.popitem(last=False)
            return results[key]

        return read

    return make


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InfrarayError(f"{name}: cannot be read ({reason})") from None


def _identity(path: str) -> Identity:
    """Values of which some change whenever a file is written or replaced; the time of its last change comes last."""
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _decompressed(content: bytes, codec: str | None) -> bytes:
    if codec is None:
        return content
    with pa.CompressedInputStream(pa.py_buffer(content), codec) as stream:
        decompressed: bytes = stream.read()
    return decompressed
