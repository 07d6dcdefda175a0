"""The episodes that a run owes: its plan compared once with what is collected."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from infraray.agents import parse_agent
from infraray.episodes import EpisodeSpec
from infraray.runs.plan import Plan
from infraray.trajectories.index import EpisodeIndex

AT_ONCE = 4096
"""Episodes that are looked up at a time."""


class Owed:
    """The episodes of a plan that are not collected.

    Making it walks the plan; afterwards only owed episodes are identified. It keeps one byte per episode of the plan.

    Args:
        plan: what the run asks for.
        collected: the episodes already in the folder.
    """

    def __init__(self, plan: Plan, collected: EpisodeIndex) -> None:
        self.plan = plan
        self.num_collected = len(collected)
        """Episodes in the folder, including those that the plan does not ask for."""
        self.found: Counter[tuple[str, str]] = Counter()
        """Collected episodes of the plan, by scenario's label and agent."""
        self.engines: list[str] = []
        """Names of the engines on which something is owed."""
        self._are_owed = {kind: self._walk(kind, collected) for kind in (False, True)}

    @property
    def total(self) -> int:
        """The number of owed episodes."""
        return self.plan.total - self.found.total()

    def episodes(self, conversational: bool) -> Iterator[EpisodeSpec]:
        """The owed episodes of one kind of agent, in the plan's order."""
        return itertools.compress(self.plan.episodes(conversational), self._are_owed[conversational])

    def _walk(self, conversational: bool, collected: EpisodeIndex) -> bytearray:
        """Whether each of the plan's episodes of one kind of agent is owed."""
        if not self.num_collected:
            self.engines = list(self.plan.engines)
            conversations = self.plan.total_conversations
            return bytearray(b"\1") * (conversations if conversational else self.plan.total - conversations)
        are_owed, agents = bytearray(), dict[str, None]()
        episodes = self.plan.episodes(conversational)
        while chunk := list(itertools.islice(episodes, AT_ONCE)):
            missing = collected.missing([spec.id for spec in chunk])
            are_owed += bytes(missing)
            found = (spec for spec, absent in zip(chunk, missing, strict=True) if not absent)
            self.found.update(spec.entry.who for spec in found)
            owed = itertools.compress(chunk, missing)
            agents.update((spec.entry.agent, None) for spec in owed if spec.entry.engine is not None)
        self.engines += dict.fromkeys(parse_agent(agent).target for agent in agents)
        return are_owed
