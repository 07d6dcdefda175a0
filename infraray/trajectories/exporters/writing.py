"""Writes an export: errors name the file that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infraray.errors import InfrarayError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Names ``path`` as the cause of whatever fails inside.

    Raises:
        InfrarayError: in place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from None
