"""The trained model that comes with infraray, and the name by which everything that takes a model knows it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

NAME = "infraray"
FOLDER = Path(__file__).parent / "small"


def model_folder(model: str) -> str:
    """Where a model is: for `NAME` the folder of ours, for any other what was written, a folder or a name on a hub."""
    return str(FOLDER) if model == NAME else model


@cache
def sha256() -> str:
    """Digest of the model's files, which another version of infraray may have trained anew."""
    digest = hashlib.sha256()
    for path in sorted(path for path in FOLDER.iterdir() if path.is_file()):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
