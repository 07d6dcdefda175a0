"""A study: which configurations were asked for, what became of them, and what is to be played next.

Everything follows from the journal's events in their order, which say what was asked for and when it was
finished, and from the episodes that are collected, which say what came of it. A study that was killed is
read back event by event and goes on where it was; what was asked for and did not finish comes first, and
of it only the episodes that are owed. Nothing here knows of Ray.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from infraray.episodes import EpisodeSpec, episode_id
from infraray.space.sampling import sample_untried
from infraray.space.values import Configuration, canonical_text
from infraray.trajectories.journal import Event, Journal
from infraray.tune.candidates import CANDIDATES, judge_candidates, stands
from infraray.tune.evaluation import CUT_OFF, Evaluation, Result, evaluation_of
from infraray.tune.objective import Objective
from infraray.tune.searchers import Proposal, find_searcher
from infraray.tune.searchers.brackets import budget_ladder
from infraray.user_code import guarded

Source = Literal["defaults", "searcher", "random"]

REPEATS = 20
"""Proposals in a row of what was measured already, after which one that was not is drawn at random."""

CLOCK_S = 5.0
"""How much of the study's time a kill may leave uncounted."""


@dataclass(frozen=True)
class Budget:
    """What a study may spend; at least one of the two.

    Args:
        trials: full measurements; one with a third of the budget counts a third.
        seconds: wall-clock time from the first trial's start, shared by all trials.
    """

    trials: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Episodes:
    """Episodes of one entry, one a seed, by which a configuration or an agent is measured.

    Args:
        digest: the entry's.
        seeds: in their order.
        to_the_end: whether all are played though one has failed, as on the evaluation seeds.
    """

    digest: bytes
    seeds: tuple[int, ...]
    to_the_end: bool = False

    @cached_property
    def ids(self) -> tuple[bytes, ...]:
        """Their identities."""
        return tuple(episode_id(self.digest, seed, 0) for seed in self.seeds)


@dataclass(frozen=True)
class Trial:
    """A configuration to be measured with a budget.

    Args:
        number: in the order in which they were asked for; 0 are the defaults.
        id: a hash of all that the measurement depends on.
        configuration: canonical.
        budget: in the objective's unit.
        source: who proposed it; ``random`` where the searcher had nothing new.
        episodes: of which it is made.
    """

    number: int
    id: str
    configuration: Configuration
    budget: int
    source: Source
    episodes: Episodes


@dataclass(frozen=True)
class FinishedTrial:
    """What became of a trial.

    Args:
        trial: which.
        evaluation: the score, or the failure.
        began_s: seconds on the study's clock.
        ended_s: the same.
    """

    trial: Trial
    evaluation: Evaluation
    began_s: float
    ended_s: float


@dataclass(frozen=True)
class Confirmation:
    """A configuration or an agent on the evaluation seeds.

    Args:
        label: what a person types to use it.
        episodes: of which it is made; others where an agent's code or files have changed.
        configuration: None for an agent.
    """

    label: str
    episodes: Episodes
    configuration: Configuration | None = None

    @property
    def key(self) -> str:
        """Equal for equal ones."""
        return self.label if self.configuration is None else canonical_text(self.configuration)


class Study:
    """A study under way.

    Args:
        objective: what is measured.
        searcher: a registered searcher's name.
        seed: of the searcher.
        budget: what may be spent.
        journal: where everything is written that is no episode; what it holds already is taken up.
        results: what is collected, by the episodes' identities; grows with the study.
        min_budget: the smallest budget of a trial; the objective's own without one.
        against: agents that the best configuration is compared with.
    """

    def __init__(
        self,
        objective: Objective,
        searcher: str,
        seed: int,
        budget: Budget,
        journal: Journal,
        results: dict[bytes, Result],
        min_budget: int | None = None,
        against: Sequence[str] = (),
    ) -> None:
        self.objective = objective
        self.space = objective.space
        self.max_budget = objective.max_budget
        self.seed = seed
        self.budget = budget
        self.journal = journal
        self.results = results
        self.against = tuple(against)
        kind = find_searcher(searcher)
        smallest = objective.min_budget if min_budget is None else min_budget
        budgets = budget_ladder(smallest, self.max_budget) if kind.multi_fidelity else (self.max_budget,)
        self.searcher = kind(self.space, budgets, seed)
        self.trials: list[Trial] = []
        self.finished: dict[str, FinishedTrial] = {}
        """By the trial's id; without those that the deadline cut off."""
        self.confirmations: dict[str, Confirmation] = {}
        """Those that were begun, by key."""
        self.same_proposals = True
        """Whether the searcher proposed the same again as the journal says; another version of it may not."""
        self._by_id: dict[str, Trial] = {}
        self._agents: dict[str, Confirmation] = {}
        self._waiting: dict[str, list[Proposal]] = {}
        self._without_loss: list[Proposal] = []
        self._losses: list[float] = []
        self._spent = 0
        self._repeats = 0
        self._exhausted = False
        self._clock_began: float | None = None
        self.searched_s = 0.0
        """Seconds on the study's clock when it was last heard of."""
        for event in journal.events:
            self._replay(event)
        self._earlier_s = self.searched_s
        self.owed = [trial for trial in self.trials if trial.id not in self.finished]
        """Trials that were asked for in an earlier session and did not finish."""

    # The clock.

    def start_clock(self) -> None:
        """Begins to count; what earlier sessions took counts as well."""
        self._clock_began = time.time()

    def elapsed_s(self, at: float | None = None) -> float:
        """Seconds on the study's clock at a time since the epoch, or now."""
        if self._clock_began is None:
            return self._earlier_s
        return self._earlier_s + (time.time() if at is None else at) - self._clock_began

    @property
    def deadline(self) -> float | None:
        """When the study's time is up, in seconds since the epoch; None without a limit."""
        if self.budget.seconds is None or self._clock_began is None:
            return None
        return self._clock_began + self.budget.seconds - self._earlier_s

    def note_time(self) -> None:
        """Writes down how late it is, once in `CLOCK_S` seconds, so that a kill gives no time back."""
        if self.elapsed_s() >= self.searched_s + CLOCK_S:
            event = {"kind": "clock", "at_s": round(self.elapsed_s(), 3)}
            self.journal.append(event)
            self._take_time(event)

    # The search.

    @property
    def is_spent(self) -> bool:
        """Whether the budget allows no further trial."""
        if self.budget.seconds is not None and self.elapsed_s() >= self.budget.seconds:
            return True
        trials = self.budget.trials
        return not self.owed and trials is not None and self._spent >= trials * self.max_budget

    def next_trial(self, held: Configuration | None = None) -> Trial | None:
        """The next trial to be measured; None where the budget or the space has no more.

        Args:
            held: what is still running where the trial will be measured.
        """
        if self.is_spent:
            return None
        if self.owed:
            return self.owed.pop(0)
        while not self._exhausted:
            proposal, source = self._propose(held)
            if proposal is None:
                self._exhausted = True
                break
            configuration = dict(proposal.configuration)
            known = self._by_id.get(self._id(configuration, proposal.budget))
            episodes = self._episodes(configuration, proposal.budget) if known is None else known.episodes
            event = {
                "kind": "asked",
                "trial": len(self.trials) if known is None else known.number,
                "configuration": configuration,
                "label": self._spell(configuration),
                "digest": episodes.digest.hex(),
                "seeds": len(episodes.seeds),
                "budget": proposal.budget,
                "source": source,
                "held": None if held is None else dict(held),
                "at_s": round(self.elapsed_s(), 3),
            }
            self.journal.append(event)
            trial = self._take_proposal(proposal, source, episodes)
            if trial is not None:
                return trial
        return None

    def owed_episodes(self, subject: Trial | Confirmation) -> list[EpisodeSpec]:
        """What of a trial or a confirmation is still to be played; of a trial nothing once an episode has failed."""
        if self.evaluation(subject.episodes) is not None:
            return []
        identified = zip(subject.episodes.seeds, subject.episodes.ids, strict=True)
        owed = [seed for seed, identity in identified if identity not in self.results]
        with guarded("the objective"):
            if isinstance(subject, Trial):
                entry = self.objective.entry(subject.configuration, subject.budget)
            elif subject.configuration is not None:
                entry = self.objective.entry(subject.configuration, None)
            else:
                entry = self.objective.agent_entry(subject.label)
        return [EpisodeSpec(entry, seed, 0) for seed in owed]

    def evaluation(self, episodes: Episodes) -> Evaluation | None:
        """What episodes add up to; None while that is not known."""
        results = [self.results.get(identity) for identity in episodes.ids]
        return evaluation_of(episodes.seeds, results, self.objective.gated, episodes.to_the_end)

    def finish(self, trial: Trial, began_s: float, ended_s: float, cut_off: bool = False) -> FinishedTrial:
        """Keeps that a trial has ended, and tells the searcher what it came to.

        Args:
            trial: whose episodes are collected.
            began_s: seconds on the study's clock.
            ended_s: the same.
            cut_off: whether the study's time was up before they were.
        """
        event = {
            "kind": "finished",
            "trial": trial.number,
            "id": trial.id,
            "began_s": round(began_s, 3),
            "ended_s": round(ended_s, 3),
            "cut_off": cut_off,
        }
        self.journal.append(event)
        finished = self._take_finished(event)
        assert finished is not None
        return finished

    def ranking(self) -> list[FinishedTrial]:
        """The trials with the full budget and a score, the best first, of equals the earlier."""
        full = [
            finished
            for finished in self.finished.values()
            if finished.trial.budget == self.max_budget and finished.evaluation.failure is None
        ]
        return sorted(full, key=lambda finished: (self._loss(finished.evaluation), finished.trial.number))

    # The confirmation.

    def due_confirmations(self) -> list[Confirmation]:
        """Who is still to play on the evaluation seeds, once the search is over; that they are to is written down."""
        ranking = self.ranking()
        wanted = [finished.trial.configuration for finished in ranking if finished.trial.number == 0]
        for finished in ranking[:CANDIDATES]:
            wanted.append(finished.trial.configuration)
            if self._passed.get(canonical_text(finished.trial.configuration), True):
                break
        begun = [self._begun(configuration) for configuration in wanted]
        begun += [self._begun_agent(agent) for agent in self.against]
        return [one for one in begun if self.evaluation(one.episodes) is None]

    def confirmed_best(self) -> tuple[Confirmation, Evaluation] | None:
        """The best configuration that the evaluation seeds confirmed; None without one."""
        ranking = [canonical_text(finished.trial.configuration) for finished in self.ranking()]
        roles = judge_candidates(ranking, self._passed)
        best = next((self.confirmations[key] for key, role in roles.items() if role == "best"), None)
        found = None if best is None else self.evaluation(best.episodes)
        return None if best is None or found is None else (best, found)

    @property
    def _passed(self) -> dict[str, bool]:
        """By key, whether what was measured on the evaluation seeds holds there."""
        found = {
            key: evaluation
            for key, one in self.confirmations.items()
            if (evaluation := self.evaluation(one.episodes)) is not None
        }
        base = found.get(canonical_text(self.space.default))
        return {key: stands(evaluation, base, self.objective.score) for key, evaluation in found.items()}

    def _begun(self, configuration: Configuration) -> Confirmation:
        known = self.confirmations.get(canonical_text(configuration))
        if known is not None:
            return known
        return self._begin(Confirmation(self._spell(configuration), self._episodes(configuration, None), configuration))

    def _begun_agent(self, agent: str) -> Confirmation:
        if agent not in self._agents:
            with guarded("the objective"):
                digest = self.objective.agent_entry(agent).digest
            episodes = Episodes(digest, self.objective.evaluation_seeds, to_the_end=True)
            self._agents[agent] = Confirmation(agent, episodes)
        wanted = self._agents[agent]
        return wanted if self.confirmations.get(agent) == wanted else self._begin(wanted)

    def _begin(self, one: Confirmation) -> Confirmation:
        event = {
            "kind": "confirming",
            "label": one.label,
            "configuration": None if one.configuration is None else dict(one.configuration),
            "digest": one.episodes.digest.hex(),
        }
        self.journal.append(event)
        self._take_confirmation(event)
        return one

    # How events change the study; the same when they happen and when they are read back.

    def _replay(self, event: Event) -> None:
        if event["kind"] == "confirming":
            self._take_confirmation(event)
        elif event["kind"] == "finished":
            self._take_finished(event)
        elif event["kind"] == "clock":
            self._take_time(event)
        else:
            self._take_time(event)
            recorded = Proposal(event["configuration"], event["budget"])
            if event["source"] == "searcher" and self.same_proposals:
                proposal = self.searcher.ask(event["held"])
                self.same_proposals = proposal == recorded
                recorded = proposal if proposal is not None and self.same_proposals else recorded
            seeds = self.objective.seeds_within(event["budget"])
            self._take_proposal(recorded, event["source"], Episodes(bytes.fromhex(event["digest"]), seeds))

    def _take_proposal(self, proposal: Proposal, source: Source, episodes: Episodes) -> Trial | None:
        """Returns the trial that has to be measured; None where that is done or under way."""
        identity = self._id(proposal.configuration, proposal.budget)
        if identity in self._by_id:
            self._repeats += 1
            if identity in self.finished:
                self._tell(proposal, self.finished[identity].evaluation)
            else:
                self._waiting[identity].append(proposal)
            return None
        trial = Trial(len(self.trials), identity, proposal.configuration, proposal.budget, source, episodes)
        self.trials.append(trial)
        self._by_id[identity] = trial
        self._waiting[identity] = [proposal]
        self._spent += trial.budget
        self._repeats = 0
        return trial

    def _take_finished(self, event: Event) -> FinishedTrial | None:
        """Returns what became of a trial; None where its episodes are lost, so that it is owed."""
        trial = self.trials[event["trial"]]
        self.searched_s = max(self.searched_s, event["ended_s"])
        evaluation = CUT_OFF if event["cut_off"] else self.evaluation(trial.episodes)
        if evaluation is None:
            return None
        finished = FinishedTrial(trial, evaluation, event["began_s"], event["ended_s"])
        if not event["cut_off"]:
            self.finished[trial.id] = finished
            for proposal in self._waiting.pop(trial.id):
                self._tell(proposal, finished.evaluation)
        return finished

    def _take_confirmation(self, event: Event) -> None:
        episodes = Episodes(bytes.fromhex(event["digest"]), self.objective.evaluation_seeds, to_the_end=True)
        made = Confirmation(event["label"], episodes, event["configuration"])
        self.confirmations[made.key] = made

    def _take_time(self, event: Event) -> None:
        self.searched_s = max(self.searched_s, event["at_s"])

    def _propose(self, held: Configuration | None) -> tuple[Proposal | None, Source]:
        if not self.trials:
            return Proposal(self.space.default, self.max_budget), "defaults"
        if self._repeats < REPEATS:
            proposal = self.searcher.ask(held)
            if proposal is not None:
                return proposal, "searcher"
        tried = {self.space.key(trial.configuration) for trial in self.trials if trial.budget == self.max_budget}
        drawn = sample_untried(self.space, np.random.default_rng([self.seed, len(self.trials)]), tried)
        return (None if drawn is None else Proposal(drawn, self.max_budget)), "random"

    def _tell(self, proposal: Proposal, evaluation: Evaluation) -> None:
        """Tells the searcher the loss; that of a failure once something was measured that it can stand behind."""
        if evaluation.failure is None:
            self._losses.append(self._loss(evaluation))
            self.searcher.tell(proposal, self._losses[-1])
        else:
            self._without_loss.append(proposal)
        if self._losses:
            for failed in self._without_loss:
                self.searcher.tell(failed, self._penalty())
            self._without_loss.clear()

    def _loss(self, evaluation: Evaluation) -> float:
        assert evaluation.score is not None
        return -evaluation.score if self.objective.score.higher_is_better else evaluation.score

    def _penalty(self) -> float:
        """A failure's loss: as far behind the worst as the worst is behind the best, so that it is finite."""
        worst = max(self._losses)
        return min(worst + ((worst - min(self._losses)) or abs(worst) or 1.0), sys.float_info.max)

    @cached_property
    def _measured(self) -> str:
        """Equal for studies of the same objective: hash of its identity and its space."""
        with guarded("the objective"):
            identity = self.objective.identity()
        content = {"objective": identity, "space": self.space.to_json()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _spell(self, configuration: Configuration) -> str:
        with guarded("the objective"):
            return self.objective.spell(configuration)

    def _episodes(self, configuration: Configuration, budget: int | None) -> Episodes:
        """Those of a configuration: of a trial, or without a budget on the evaluation seeds."""
        with guarded("the objective"):
            objective = self.objective
            seeds = objective.evaluation_seeds if budget is None else objective.seeds_within(budget)
            return Episodes(objective.entry(configuration, budget).digest, seeds, to_the_end=budget is None)

    def _id(self, configuration: Configuration, budget: int) -> str:
        return hashlib.sha256(f"{self._measured} {canonical_text(configuration)} {budget}".encode()).hexdigest()[:16]
