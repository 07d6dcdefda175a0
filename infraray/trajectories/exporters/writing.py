"""Writing an export: what cannot be written is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infraray.errors import InfrarayError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says of what fails inside that ``path`` is the cause.

    Raises:
        InfrarayError: in place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from None
