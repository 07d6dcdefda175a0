"""Progress of a study: a line for each trial."""

from __future__ import annotations

from rich.console import Console

from infraray.reports.notation import duration, plain, printable, shortened
from infraray.tune.evaluation import Evaluation
from infraray.tune.study import Confirmation, FinishedTrial, Study

_LENGTH = 100


class StudyProgress:
    """Says what became of each trial, and how good the best is so far.

    Args:
        study: the study.
        console: where to.
    """

    def __init__(self, study: Study, console: Console) -> None:
        self.study = study
        self.console = console

    def finished(self, ended: FinishedTrial) -> None:
        """One line a trial."""
        trial, study = ended.trial, self.study
        ranking = study.ranking()
        best = f", best {plain(ranking[0].evaluation.score or 0.0)}" if ranking else ""
        cheap = f" ({trial.budget} of {study.max_budget} {study.objective.budget_unit})"
        self._say(
            f"trial {trial.number}{cheap if trial.budget < study.max_budget else ''}: {_became(ended.evaluation)}"
            f"{best}, {duration(ended.ended_s - ended.began_s)}, at {duration(ended.ended_s)}: "
            f"{shortened(study.objective.spell(trial.configuration), _LENGTH)}"
        )

    def preparing(self, piece: str) -> None:
        """One line for each piece, which may take minutes."""
        self._say(f"preparing: {piece}")

    def confirmed(self, confirmation: Confirmation, evaluation: Evaluation) -> None:
        """One line for each that is measured on the evaluation seeds."""
        self._say(f"evaluation seeds: {_became(evaluation)}: {shortened(confirmation.label, _LENGTH)}")

    def notice(self, text: str) -> None:
        """Something worth a line."""
        self._say(f"note: {text}")

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _became(evaluation: Evaluation) -> str:
    if evaluation.failure is None:
        return plain(evaluation.score or 0.0)
    return f"failed, {evaluation.failure} ({printable(evaluation.reason or '')[:200]})"
