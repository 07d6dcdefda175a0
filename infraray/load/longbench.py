"""LongBench v2 (Bai et al., 2025) from a local copy in the hub's format.

The hub has one file, ``data.json``, with a list of samples. JSON lines or Parquet written by `datasets` are read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet

from infraray.errors import InfrarayError

FIELDS = (
    *("_id", "domain", "sub_domain", "difficulty", "length"),
    *("question", "choice_A", "choice_B", "choice_C", "choice_D", "answer", "context"),
)
_SUFFIXES = (".json", ".jsonl", ".parquet")


def load_longbench(path: str | Path) -> dict[str, str]:
    """Reads the documents (context, question and choices as one text) by ``_id``, in sorted order.

    If several questions share a context, only the first is kept, so that no two documents begin alike.

    Args:
        path: a file, or a folder of such files.

    Raises:
        InfrarayError: one line with the file and what is wrong.
    """
    documents: dict[str, str] = {}
    contexts: set[str] = set()
    samples = [sample for file in _files(Path(path)) for sample in _checked(file)]
    for sample in sorted(samples, key=lambda sample: sample["_id"]):
        if sample["context"] not in contexts:
            contexts.add(sample["context"])
            documents[sample["_id"]] = _text(sample)
    return documents


def _text(sample: Mapping[str, str]) -> str:
    choices = "\n".join(f"({letter}) {sample[f'choice_{letter}']}" for letter in "ABCD")
    text = f"{sample['context']}\n\n{sample['question']}\n\n{choices}"
    # Half a surrogate pair is not a character, and no request can carry it.
    return text.encode("utf-8", "replace").decode()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(file for file in path.glob("**/*") if file.suffix in _SUFFIXES and file.is_file())
    if not found:
        raise InfrarayError(
            f"LongBench v2: path={str(path)!r}: no such file, or a folder without {', '.join(_SUFFIXES)}"
        )
    return found


def _checked(file: Path) -> Iterator[Mapping[str, str]]:
    for number, sample in enumerate(_samples(file), start=1):
        if not isinstance(sample, Mapping):
            raise InfrarayError(f"LongBench v2: {file}: sample {number} is not an object")
        for field in FIELDS:
            if not isinstance(sample.get(field), str):
                raise InfrarayError(f"LongBench v2: {file}: sample {number}: {field} is missing or not a string")
        yield sample


def _samples(file: Path) -> list[Any]:
    try:
        if file.suffix == ".parquet":
            rows: list[Any] = pyarrow.parquet.read_table(file).to_pylist()
            return rows
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jsonl":
            # Not splitlines(), which also splits at characters that JSON strings may contain.
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        samples = json.loads(text)
    except (OSError, ValueError) as error:
        raise InfrarayError(f"LongBench v2: {file}: cannot be read ({' '.join(str(error).split())[:200]})") from None
    if not isinstance(samples, list):
        raise InfrarayError(f"LongBench v2: {file}: does not hold a list of samples")
    return samples
