"""Spending of a run on models: limits on tokens and cost, counted with every answer.

A limit is checked before each of an agent's steps, so a run exceeds it at most by the requests in flight. Episodes that
it stops are owed: a higher limit and the same command play the rest.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from infraray.agents import Turn
from infraray.episodes.identity import EpisodeSpec
from infraray.episodes.limits import RunLimits
from infraray.errors import Unavailable

Scope = Literal["run", "agent", "episode"]

COLUMNS = ("agent", "input_tokens", "output_tokens", "extra")
"""The columns that hold the cost of a collected episode."""


class LimitReached(Unavailable):
    """Raised when one of the user's limits is reached.

    Args:
        line: the limit, and what to do.
        scope: what ends with it.
        agent: the spec of the agent whose episode it was.
    """

    def __init__(self, line: str, scope: Scope, agent: str) -> None:
        super().__init__(line)
        self.scope: Scope = scope
        self.agent = agent

    def __reduce__(self) -> tuple[type[LimitReached], tuple[str, Scope, str]]:
        return LimitReached, (str(self), self.scope, self.agent)


@dataclass
class Spent:
    """Tokens, read and generated, and their cost in the unit of the user's prices."""

    tokens: int = 0
    cost: float = 0.0

    def add(self, tokens: int, cost: float) -> None:
        """Counts more."""
        self.tokens += tokens
        self.cost += cost


@dataclass
class Spending:
    """The amounts spent, and their limits.

    Args:
        limits: the run's.
        run: spent by all agents, including earlier starts as far as it was collected.
        agents: spent by each agent, by its spec.
    """

    limits: RunLimits
    run: Spent = field(default_factory=Spent)
    agents: defaultdict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))

    def add_collected(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Counts episodes that were collected before.

        Args:
            rows: `COLUMNS` of the table of episodes, by name.
        """
        for row in rows:
            cost = json.loads(row["extra"] or "{}").get("cost") or 0.0
            tokens = (row["input_tokens"] or 0) + (row["output_tokens"] or 0)
            self.run.add(tokens, cost)
            self.agents[row["agent"]].add(tokens, cost)

    def account(self, spec: EpisodeSpec) -> Account:
        """The account of an episode."""
        return Account(self, spec)


@dataclass
class Account:
    """The spending of one attempt at an episode."""

    spending: Spending
    spec: EpisodeSpec
    episode: Spent = field(default_factory=Spent)
    uncounted: bool = False

    def check(self) -> None:
        """Called before the agent is asked.

        Raises:
            LimitReached: it must not be asked any more.
        """
        limits, agent = self.spending.limits, self.spec.entry.agent
        who = f"{self.spec.entry.label}, {agent}, seed {self.spec.seed}"
        scopes: list[tuple[Scope, str, Spent, str]] = [
            ("run", "", self.spending.run, ""),
            ("agent", "agent_", self.spending.agents[agent], f" by {agent}"),
            ("episode", "episode_", self.episode, f" by {who}"),
        ]
        for scope, prefix, spent, by in scopes:
            for name, value in (("tokens", spent.tokens), ("cost", spent.cost)):
                most = getattr(limits, prefix + name)
                if most is not None and self.uncounted:
                    line = f"limits.{prefix}{name}={most:g} cannot be kept: the server of {agent} counts no tokens"
                    raise LimitReached(f"{line}; leave it out to play on", "agent", agent)
                if most is not None and value >= most:
                    line = f"limits.{prefix}{name}={most:g} is reached{by}; raise it and run again to play what is owed"
                    raise LimitReached(line, scope, agent)

    def add(self, turn: Turn) -> None:
        """Counts a turn; an answer from a cache costs nothing."""
        extra: Mapping[str, object] = turn.extra or {}
        if extra.get("cached") is True:
            return
        # An agent may give anything as a count; one that cannot be written fails with its episode's record.
        counts = [count for count in (turn.input_tokens, turn.output_tokens) if isinstance(count, int)]
        self.uncounted = self.uncounted or len(counts) < 2
        cost = extra.get("cost")
        tokens = sum(counts)
        for spent in (self.episode, self.spending.agents[self.spec.entry.agent], self.spending.run):
            spent.add(tokens, float(cost) if isinstance(cost, int | float) else 0.0)
