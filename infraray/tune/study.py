"""A study: which configurations were asked for, what became of them, and what is to be measured next.

Everything follows from the journal's events in their order: the searcher's proposals, which are
repeatable, and what it was told. A study that was killed is read back event by event and goes on where
it was; what was asked for and did not finish is measured first. Nothing here knows of Ray.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from infraray.agents import parse_agent
from infraray.space.sampling import sample_untried
from infraray.space.values import Configuration, canonical_text
from infraray.tune.candidates import CANDIDATES, holds, judge_candidates
from infraray.tune.journal import Event, Journal
from infraray.tune.objective import Measurement, Objective, joined
from infraray.tune.searchers import Proposal, find_searcher
from infraray.tune.searchers.brackets import budget_ladder
from infraray.user_code import guarded

Source = Literal["defaults", "searcher", "random"]

DEADLINE = "deadline"
"""Failure of a trial that ran when the study's time was up. It says nothing about the configuration."""

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
class Trial:
    """A configuration to be measured with a budget.

    Args:
        number: in the order in which they were asked for; 0 are the defaults.
        id: a hash of all that the measurement depends on.
        configuration: canonical.
        budget: in the objective's unit.
        source: who proposed it; ``random`` where the searcher had nothing new.
    """

    number: int
    id: str
    configuration: Configuration
    budget: int
    source: Source


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Args:
        trial: which.
        measurement: the score, or the failure.
        began_s: seconds on the study's clock.
        ended_s: the same.
    """

    trial: Trial
    measurement: Measurement
    began_s: float
    ended_s: float


@dataclass(frozen=True)
class Confirmation:
    """A configuration or an agent on the evaluation seeds.

    Args:
        label: what a person types to use it.
        configuration: None for an agent.
        measurement: None as long as it is not measured.
        depends_on: what else an agent's measurement depends on; it is measured again where that has changed.
    """

    label: str
    configuration: Configuration | None = None
    measurement: Measurement | None = None
    depends_on: Mapping[str, Any] = field(default_factory=dict)

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
        journal: where everything is written; what it holds already is taken up.
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
        min_budget: int | None = None,
        against: Sequence[str] = (),
    ) -> None:
        self.objective = objective
        self.space = objective.space
        self.max_budget = objective.max_budget
        self.seed = seed
        self.budget = budget
        self.journal = journal
        self.against = tuple(against)
        kind = find_searcher(searcher)
        smallest = objective.min_budget if min_budget is None else min_budget
        budgets = budget_ladder(smallest, self.max_budget) if kind.multi_fidelity else (self.max_budget,)
        self.searcher = kind(self.space, budgets, seed)
        self.trials: list[Trial] = []
        self.outcomes: dict[str, Outcome] = {}
        """By the trial's id; without those that the deadline cut off."""
        self.confirmations: dict[str, Confirmation] = {}
        """By key."""
        self.seeds_confirmed: dict[str, dict[int, Measurement]] = {}
        """By key and evaluation seed, where seeds are confirmed apart."""
        self.same_proposals = True
        """Whether the searcher proposed the same again as the journal says; another version of it may not."""
        self._by_id: dict[str, Trial] = {}
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
        self.owed = [trial for trial in self.trials if trial.id not in self.outcomes]
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
            event = {
                "kind": "asked",
                "trial": len(self.trials) if known is None else known.number,
                "configuration": configuration,
                "label": self._spell(configuration),
                "budget": proposal.budget,
                "source": source,
                "held": None if held is None else dict(held),
                "at_s": round(self.elapsed_s(), 3),
            }
            self.journal.append(event)
            trial = self._take_proposal(proposal, source)
            if trial is not None:
                return trial
        return None

    def finish(self, trial: Trial, measurement: Measurement, began_s: float, ended_s: float) -> Outcome:
        """Keeps what became of a trial, and tells the searcher."""
        event = {
            "kind": "finished",
            "trial": trial.number,
            "id": trial.id,
            "measurement": measurement.to_json(),
            "began_s": round(began_s, 3),
            "ended_s": round(ended_s, 3),
        }
        self.journal.append(event)
        return self._take_outcome(event)

    def ranking(self) -> list[Outcome]:
        """The trials with the full budget and a score, the best first, of equals the earlier."""
        full = [
            outcome
            for outcome in self.outcomes.values()
            if outcome.trial.budget == self.max_budget and outcome.measurement.failure is None
        ]
        return sorted(full, key=lambda outcome: (self._loss(outcome.measurement), outcome.trial.number))

    # The confirmation.

    def due_confirmations(self) -> list[Confirmation]:
        """What is still to be measured on the evaluation seeds, once the search is over."""
        ranking = self.ranking()
        wanted = [outcome.trial.configuration for outcome in ranking if outcome.trial.number == 0]
        for outcome in ranking[:CANDIDATES]:
            wanted.append(outcome.trial.configuration)
            if self._passed.get(canonical_text(outcome.trial.configuration), True):
                break
        due = [Confirmation(self._spell(configuration), configuration) for configuration in wanted]
        with guarded("the objective"):
            due += [Confirmation(agent, depends_on=self._identity_of(agent)) for agent in self.against]
        return list({one.key: one for one in due if not self._is_confirmed(one)}.values())

    def _identity_of(self, agent: str) -> dict[str, Any]:
        """What an agent's measurement depends on: its file by hash, and what the objective says."""
        return {**parse_agent(agent).files(), **self.objective.agent_identity(agent)}

    def owed_seeds(self, due: Confirmation) -> Sequence[int | None]:
        """The evaluation seeds on which it is still to be measured, one at a time; None stands for all together."""
        if due.configuration is None or not self.objective.confirmed_apart:
            return [None]
        done = self.seeds_confirmed.get(due.key, {})
        return [seed for seed in self.objective.confirmed_apart if seed not in done]

    def confirmed_best(self) -> Confirmation | None:
        """The best configuration that the evaluation seeds confirmed; None without one."""
        ranking = [canonical_text(outcome.trial.configuration) for outcome in self.ranking()]
        roles = judge_candidates(ranking, self._passed)
        return next((self.confirmations[key] for key, role in roles.items() if role == "best"), None)

    @property
    def _passed(self) -> dict[str, bool]:
        """By key, whether what was measured on the evaluation seeds holds there."""
        defaults = self.confirmations.get(canonical_text(self.space.default))
        base = None if defaults is None else defaults.measurement
        return {
            key: holds(found.measurement, base, self.objective.score)
            for key, found in self.confirmations.items()
            if found.measurement is not None
        }

    def confirm_seed(self, due: Confirmation, seed: int, measurement: Measurement) -> None:
        """Keeps a measurement on one evaluation seed."""
        event = {
            "kind": "confirmed_seed",
            "label": due.label,
            "configuration": None if due.configuration is None else dict(due.configuration),
            "seed": seed,
            "measurement": measurement.to_json(),
        }
        self.journal.append(event)
        self._take_seed(event)

    def joined_seeds(self, due: Confirmation) -> Measurement:
        """The measurement on all evaluation seeds, of those on each."""
        done = self.seeds_confirmed[due.key]
        return joined([done[seed] for seed in self.objective.confirmed_apart])

    def confirm(self, due: Confirmation, measurement: Measurement) -> None:
        """Keeps a measurement on the evaluation seeds."""
        event = {
            "kind": "confirmed",
            "label": due.label,
            "configuration": None if due.configuration is None else dict(due.configuration),
            "depends_on": dict(due.depends_on),
            "measurement": measurement.to_json(),
        }
        self.journal.append(event)
        self._take_confirmation(event)

    # How events change the study; the same when they happen and when they are read back.

    def _replay(self, event: Event) -> None:
        if event["kind"] == "confirmed":
            self._take_confirmation(event)
        elif event["kind"] == "confirmed_seed":
            self._take_seed(event)
        elif event["kind"] == "finished":
            self._take_outcome(event)
        elif event["kind"] == "clock":
            self._take_time(event)
        else:
            self._take_time(event)
            recorded = Proposal(event["configuration"], event["budget"])
            if event["source"] == "searcher" and self.same_proposals:
                proposal = self.searcher.ask(event["held"])
                self.same_proposals = proposal == recorded
                recorded = proposal if proposal is not None and self.same_proposals else recorded
            self._take_proposal(recorded, event["source"])

    def _take_proposal(self, proposal: Proposal, source: Source) -> Trial | None:
        """Returns the trial that has to be measured; None where that is done or under way."""
        identity = self._id(proposal.configuration, proposal.budget)
        if identity in self._by_id:
            self._repeats += 1
            if identity in self.outcomes:
                self._tell(proposal, self.outcomes[identity].measurement)
            else:
                self._waiting[identity].append(proposal)
            return None
        trial = Trial(len(self.trials), identity, proposal.configuration, proposal.budget, source)
        self.trials.append(trial)
        self._by_id[identity] = trial
        self._waiting[identity] = [proposal]
        self._spent += trial.budget
        self._repeats = 0
        return trial

    def _take_outcome(self, event: Event) -> Outcome:
        trial = self.trials[event["trial"]]
        self.searched_s = max(self.searched_s, event["ended_s"])
        outcome = Outcome(trial, Measurement.from_json(event["measurement"]), event["began_s"], event["ended_s"])
        if outcome.measurement.failure != DEADLINE:
            self.outcomes[trial.id] = outcome
            for proposal in self._waiting.pop(trial.id):
                self._tell(proposal, outcome.measurement)
        return outcome

    def _take_confirmation(self, event: Event) -> None:
        measurement = Measurement.from_json(event["measurement"])
        made = Confirmation(event["label"], event["configuration"], measurement, event.get("depends_on", {}))
        self.confirmations[made.key] = made

    def _take_seed(self, event: Event) -> None:
        done = self.seeds_confirmed.setdefault(canonical_text(event["configuration"]), {})
        done[event["seed"]] = Measurement.from_json(event["measurement"])

    def _take_time(self, event: Event) -> None:
        self.searched_s = max(self.searched_s, event["at_s"])

    def _is_confirmed(self, due: Confirmation) -> bool:
        found = self.confirmations.get(due.key)
        return found is not None and found.depends_on == due.depends_on

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

    def _tell(self, proposal: Proposal, measurement: Measurement) -> None:
        """Tells the searcher the loss; that of a failure once something was measured that it can stand behind."""
        if measurement.failure is None:
            self._losses.append(self._loss(measurement))
            self.searcher.tell(proposal, self._losses[-1])
        else:
            self._without_loss.append(proposal)
        if self._losses:
            for failed in self._without_loss:
                self.searcher.tell(failed, self._penalty())
            self._without_loss.clear()

    def _loss(self, measurement: Measurement) -> float:
        assert measurement.score is not None
        return -measurement.score if self.objective.score.higher_is_better else measurement.score

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

    def _id(self, configuration: Configuration, budget: int) -> str:
        return hashlib.sha256(f"{self._measured} {canonical_text(configuration)} {budget}".encode()).hexdigest()[:16]
