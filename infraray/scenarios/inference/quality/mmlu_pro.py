"""Reads a local copy of MMLU-Pro as the hub keeps it (Wang et al., NeurIPS 2024, TIGER-Lab/MMLU-Pro).

A row holds ``question_id``, ``question``, ``options``, ``answer`` (a letter), ``answer_index``,
``cot_content``, ``category`` and ``src``. The split ``test`` is asked. Files are Parquet, JSON or JSON
lines; nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infraray.errors import InfrarayError
from infraray.scenarios.inference.quality.question import LETTERS, Question

SUFFIXES = (".parquet", ".jsonl", ".json")
NOT_AN_OPTION = "N/A"
"""The filler for the options of questions that have fewer; it is not an answer."""

_HOW_TO_GET_ONE = "get one with 'hf download TIGER-Lab/MMLU-Pro --repo-type dataset --local-dir FOLDER'"


def read_mmlu_pro(path: str | Path) -> tuple[Question, ...]:
    """Reads a folder (its files ``test*``, also below ``data/``), or one file of questions, in the files' order.

    Raises:
        InfrarayError: one line with the file, the row and what is wrong.
    """
    path = Path(path)
    if path.is_file():
        return tuple(_questions([path]))
    if not path.is_dir():
        raise InfrarayError(f"quality: {path}: no such file or folder; {_HOW_TO_GET_ONE}")
    files = [file for file in (*path.glob("test*"), *path.glob("data/test*")) if file.suffix in SUFFIXES]
    if not files:
        raise InfrarayError(f"quality: {path}: holds no file test*.parquet, .jsonl or .json; {_HOW_TO_GET_ONE}")
    return tuple(_questions(sorted(files)))


def _questions(files: Iterable[Path]) -> Iterable[Question]:
    seen = set()
    for file in files:
        for number, row in enumerate(_rows(file), 1):
            try:
                question = read_question(row)
                if question.question_id in seen:
                    raise ValueError(f"question_id {question.question_id} occurs twice")
            except ValueError as error:
                raise InfrarayError(f"quality: {file}: row {number}: {error}") from None
            seen.add(question.question_id)
            yield question


def _rows(file: Path) -> list[Any]:
    try:
        if file.suffix == ".parquet":
            rows: list[Any] = pq.read_table(file).to_pylist()
            return rows
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jsonl":
            # Not splitlines(), which also splits at characters that JSON strings may contain.
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        rows = json.loads(text)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InfrarayError(f"quality: {file}: cannot be read ({str(error).splitlines()[0]})") from None
    if not isinstance(rows, list):
        raise InfrarayError(f"quality: {file}: must be a list of questions")
    return rows


def read_question(row: Mapping[str, Any]) -> Question:
    """Makes a question from a row, without options that are `NOT_AN_OPTION`.

    Raises:
        ValueError: what is wrong with the row.
    """
    try:
        options = [str(option) for option in row["options"]]
        index, letter = int(row["answer_index"]), str(row["answer"])
        if not 0 <= index < len(options) or letter != LETTERS[index : index + 1]:
            raise ValueError(f"answer {letter!r} is not option {index} of {len(options)}")
        if options[index] == NOT_AN_OPTION:
            raise ValueError(f"the answer is {NOT_AN_OPTION}")
        kept = [place for place, option in enumerate(options) if option != NOT_AN_OPTION]
        if not 2 <= len(kept) <= len(LETTERS):
            raise ValueError(f"has {len(kept)} options; must be from 2 to {len(LETTERS)}")
        return Question(
            question_id=int(row["question_id"]),
            question=str(row["question"]),
            options=tuple(options[place] for place in kept),
            answer=LETTERS[kept.index(index)],
            category=str(row["category"]),
        )
    except KeyError as error:
        raise ValueError(f"has no field {error.args[0]!r}") from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"is not a question of MMLU-Pro ({error})") from None
