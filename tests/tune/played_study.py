"""A study that is played here, without a cluster."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.journal import Journal
from infraray.trajectories.store import RunStore
from infraray.tune.search import search
from infraray.tune.study import Budget, Confirmation, Study
from infraray.tune.study_file import StudySpec, make_objective
from infraray.tune.trial_actor import Order, carry_out


def play_study(spec: StudySpec, folder: Path) -> Path:
    """Plays it trial after trial, each a second long on its clock; its budget must be trials.

    Args:
        spec: the study.
        folder: is made.
    """
    folder.mkdir()
    objective = make_objective(spec)
    budget = Budget(spec.budget.trials)
    with Journal(folder / "trials.jsonl") as journal, closing(RunStore(folder)) as store:
        study = Study(objective, spec.searcher, spec.seed, budget, journal, {}, spec.min_budget, spec.against)

        def keep(trajectories):
            ids = [trajectory.spec.id for trajectory in trajectories]
            store.append(encode(to_batch(spec.name, trajectories), ids))
            return list(trajectories)

        def play(subject):
            order = Order(episodes=tuple(study.owed_episodes(subject)), to_the_end=isinstance(subject, Confirmation))
            study.results.update(carry_out(objective, order, keep).results)

        study.start_clock()
        while (trial := study.next_trial()) is not None:
            play(trial)
            study.finish(trial, float(trial.number), trial.number + 1.0)
        while due := study.due_confirmations():
            for one in due:
                play(one)
    # All is measured: what is left to do is to write the manifest.
    search(spec, folder, quiet=True)
    return folder
