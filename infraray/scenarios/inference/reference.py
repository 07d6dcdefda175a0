"""The reference server's results on a workload's requests, measured once per machine and stored."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infraray.load.responses import Response
from infraray.scenarios.inference.quality import QuizAnswer, QuizAnswers


@dataclass(frozen=True)
class Reference:
    """The reference's results.

    Args:
        score: the score by the workload's objective.
        responses: its answers to the requests in the first traffic.
        answers: its answers to the quality gate's questions, None if there are none.
    """

    score: float
    responses: tuple[Response, ...]
    answers: QuizAnswers | None

    def save(self, path: Path) -> None:
        """Writes JSON; the file appears atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(asdict(self)))
        unfinished.replace(path)


def load_reference(path: Path) -> Reference | None:
    """Reads what `Reference.save` wrote; None if there is nothing readable."""
    try:
        found = json.loads(path.read_text())
        responses = tuple(_response(response) for response in found["responses"])
        answers = found["answers"]
        if answers is not None:
            answers = QuizAnswers(answers["quiz"], tuple(QuizAnswer(**answer) for answer in answers["answers"]))
        return Reference(float(found["score"]), responses, answers)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _response(fields: dict[str, Any]) -> Response:
    return Response(**{**fields, "text_times_s": tuple(fields["text_times_s"])})
