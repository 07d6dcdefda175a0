"""Counts tokens as the model's own server does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from infraray.errors import InfrarayError
from infraray.load.workloads import Endpoint
from infraray.policy.trained import model_folder

_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json"),
)
"""The files in a model's folder that determine how text becomes tokens."""


class TokenCounter(Protocol):
    """Counts the tokens of texts and prompts."""

    is_exact: bool
    """Whether its counts equal the server's."""

    @property
    def sha256(self) -> str:
        """Digest of the tokenizer; equal digests count equally."""

    def count_text(self, text: str) -> int:
        """Tokens of a plain text, such as an answer: no special ones are added."""

    def count_prompt(self, text: str, endpoint: Endpoint) -> int:
        """Tokens that a server makes of a prompt, including special ones and the chat template's."""


class ModelTokenizer:
    """The tokenizer in a model's folder.

    Args:
        folder: the folder with the model's tokenizer files, as `transformers` saves them.

    Raises:
        InfrarayError: transformers is not installed, or the folder does not hold a tokenizer.
    """

    is_exact = True

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            with _environment_kept():
                # The warning that PyTorch is missing is noise: counting does not need it.
                os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"
                from transformers import AutoTokenizer
        except ImportError:
            raise InfrarayError(
                "tokenizer: needs transformers, which is not installed; pip install 'infraray[inference]'"
            ) from None
        if not any((self.folder / name).is_file() for name in _FILES):
            raise InfrarayError(f"tokenizer: folder={str(folder)!r}: holds no tokenizer; name a model's folder")
        try:
            with _environment_kept():
                self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError) as error:
            raise InfrarayError(
                f"tokenizer: folder={str(folder)!r}: cannot be loaded ({' '.join(str(error).split())[:200]})"
            ) from None

    def __reduce__(self) -> tuple[type[ModelTokenizer], tuple[Path]]:
        """Pickled by its folder, from which another process loads it."""
        return ModelTokenizer, (self.folder,)

    @cached_property
    def sha256(self) -> str:
        """Digest of the tokenizer's files; equal digests count equally."""
        digest = hashlib.sha256()
        for name in _FILES:
            path = self.folder / name
            if path.is_file():
                digest.update(f"{name}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def count_text(self, text: str) -> int:
        """Tokens of a plain text, such as an answer: no special ones are added."""
        return len(self._encode(text, add_special_tokens=False))

    def count_prompt(self, text: str, endpoint: Endpoint) -> int:
        """Tokens that a server makes of a prompt: with the chat template, or with the special tokens of a plain text.

        Raises:
            InfrarayError: the endpoint is ``chat`` and the model has no chat template.
        """
        if endpoint == "completions":
            return len(self._encode(text, add_special_tokens=True))
        # The template adds the special tokens itself.
        return len(self._encode(self._render(text), add_special_tokens=False))

    def _encode(self, text: str, add_special_tokens: bool) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=add_special_tokens, verbose=False).input_ids
        return ids

    def _render(self, text: str) -> str:
        if not self._tokenizer.chat_template:
            raise InfrarayError(
                f"tokenizer: folder={str(self.folder)!r}: the model has no chat template; set endpoint: completions"
            )
        messages = [{"role": "user", "content": text}]
        rendered: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return rendered


def find_tokenizer(name: str) -> ModelTokenizer:
    """The tokenizer of a model's folder, or of a model on the Hugging Face hub, fetching only the tokenizer's files.

    Raises:
        InfrarayError: it cannot be found, or transformers is not installed.
    """
    folder = model_folder(name)
    if Path(folder).is_dir():
        return ModelTokenizer(folder)
    found = _from_hub(name, local_files_only=True) or _from_hub(name, local_files_only=False)
    if found is None:
        raise InfrarayError(f"tokenizer={name!r}: neither a folder nor a model available from the hub")
    return ModelTokenizer(found)


def local_tokenizer(name: str) -> ModelTokenizer | None:
    """The same if this machine already has it; None if it does not or cannot use it."""
    own = model_folder(name)
    folder = own if Path(own).is_dir() else _from_hub(name, local_files_only=True)
    if folder is None:
        return None
    with suppress(InfrarayError):
        return ModelTokenizer(folder)
    return None


def _from_hub(name: str, local_files_only: bool) -> str | None:
    """The folder with the tokenizer files of a model on the hub; None if there is none."""
    try:
        from huggingface_hub import snapshot_download

        folder: str = snapshot_download(
            name, allow_patterns=[*_FILES, "config.json"], local_files_only=local_files_only
        )
    except (ImportError, OSError, ValueError):
        return None
    return folder


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Restores the environment: importing transformers imports PyTorch, which sets variables that engines inherit."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
