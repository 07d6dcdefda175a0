"""Rollouts that ``infraray run`` has played, with an engine that told the probabilities of what it said.

They cost nothing more, and begin a training faster. But the policy that is trained moves away from the one that played
them with every update. So the trainer weighs each token by the ratio of both probabilities, as it does with its own
rollouts, and they are taken for the first updates alone (`CollectedSection`). Each keeps the version 0 of the policy,
by which the trainer's figures tell how stale they are.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from infraray.agents import find_agent_kind, parse_agent
from infraray.agents.chat import ChatOptions
from infraray.environment import Measures
from infraray.episodes import Step
from infraray.errors import InfrarayError, did_you_mean
from infraray.observation import Observation
from infraray.registration import find
from infraray.training.played import Ending, Played, PlayedStep
from infraray.training.rollout import Rolled
from infraray.training.sequences import Lengths, TokenTurn, Versions, sequences_of
from infraray.training.task import TrainingTask
from infraray.trajectories.reader import Run

BASE_VERSION = 0
"""That of the weights with which a training begins, and with which the run was played."""

ASKED_ALIKE = ("strategy", "memory", "max_tokens", "tools", "max_tool_calls", "examples")
"""Options of a chat agent that decide what the policy is shown."""

_EPISODE = (
    *("episode_id", "scenario_label", "seed", "repetition", "agent", "status", "score", "floor", "bound", "correct"),
    *("safe", "higher_is_better"),
)


class RecordedRun:
    """The episodes of one agent of a run.

    Args:
        folder: the run's.
        agent: whose; None if one agent of it asks a model.

    Raises:
        InfrarayError: the folder holds no run, or the agent's episodes cannot be trained from.
    """

    def __init__(self, folder: str, agent: str | None = None) -> None:
        run = Run(folder)
        rows = [row for row in run.episodes(_EPISODE).to_pylist() if row["status"] == "finished"]
        askers = sorted({row["agent"] for row in rows if find_agent_kind(parse_agent(row["agent"]).kind).asks_a_model})
        if agent is not None and agent not in askers:
            raise InfrarayError(f"agent={agent!r}: played nothing in {folder}; {did_you_mean(agent, askers)}")
        if agent is None and len(askers) != 1:
            named = f"name one of {', '.join(askers)}" if askers else "play one, such as engine:NAME?logprobs=true"
            raise InfrarayError(f"{folder}: has {len(askers)} agents that ask a model; {named}")
        self.folder = folder
        self.agent = agent or askers[0]
        self.options = ChatOptions.parse(self.agent, dict(parse_agent(self.agent).options))
        if self.options.temperature != 1:
            raise InfrarayError(
                f"{folder}: {self.agent} was played with temperature={self.options.temperature:g}, and engines tell "
                "the probabilities of temperature 1; play it with temperature=1"
            )
        kinds = {
            label: _kind(one.id, one.parameters, one.options, one.level)
            for label, one in run.manifest.scenarios.items()
        }
        self._episodes = {
            (kinds[row["scenario_label"]], row["seed"], row["repetition"]): row
            for row in rows
            if row["agent"] == self.agent and row["scenario_label"] in kinds
        }
        mine = {row["episode_id"] for row in self._episodes.values()}
        self._steps: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for batch in run.steps().to_batches():
            for step in batch.to_pylist():
                if step["episode_id"] in mine:
                    self._steps[step["episode_id"]].append(step)
        for steps in self._steps.values():
            steps.sort(key=lambda step: int(step["index"]))
            if any(_turns(step) is None for step in steps):
                raise InfrarayError(
                    f"{folder}: {self.agent} has no log-probabilities of what it said; play it with its option "
                    "logprobs=true, on an engine that tells tokens (vllm, transformers, onnx)"
                )

    def check(self, chat: dict[str, Any]) -> None:
        """Compares how the policy was asked with how it is asked in the training.

        Raises:
            InfrarayError: otherwise.
        """
        here = ChatOptions.parse("chat", chat)
        for name in ASKED_ALIKE:
            there, asked = getattr(self.options, name), getattr(here, name)
            if there != asked:
                raise InfrarayError(
                    f"{self.folder}: {self.agent} was asked with {name}={there!r}, and the training asks with "
                    f"{asked!r}; give 'chat' the options of the run, or play it again"
                )

    def count(self, task: TrainingTask, seeds: Any) -> int:
        """The episodes that there are of tasks.

        Args:
            task: the tasks, but for their seed.
            seeds: theirs.
        """
        kind = _kind_of(task)
        return sum(found == kind and seed in seeds for found, seed, _ in self._episodes)

    def rolled(self, task: TrainingTask, place: int, lengths: Lengths) -> Rolled | None:
        """An episode as a rollout; None if there is none, or one that is too long for the trainer.

        Args:
            task: what was played.
            place: its repetition in the run.
            lengths: the most tokens of a sequence.
        """
        row = self._episodes.get((_kind_of(task), task.seed, place))
        if row is None:
            return None
        steps = self._steps[row["episode_id"]]
        turns = [turn for step in steps for turn in _turns(step) or ()]
        try:
            sequences = sequences_of(turns, lengths)
        except ValueError:
            return None
        if not sequences:
            return None
        return Rolled(_played(row, steps, task), [_step(step) for step in steps], sequences, len(turns), 0.0, 0.0)


_reading = Lock()


def recorded_run(folder: str, agent: str | None) -> RecordedRun:
    """A run that is read once in a process; see `RecordedRun`."""
    with _reading:
        return _read_once(folder, agent)


@lru_cache(maxsize=1)
def _read_once(folder: str, agent: str | None) -> RecordedRun:
    return RecordedRun(folder, agent)


def _kind(scenario: str, parameters: Any, options: Any, level: int) -> str:
    return json.dumps([scenario, parameters, options, level], sort_keys=True)


def _kind_of(task: TrainingTask) -> str:
    return _kind_once(task.model_copy(update={"seed": 0}).model_dump_json())


@lru_cache(maxsize=256)
def _kind_once(task_json: str) -> str:
    task = TrainingTask.parse_json(task_json)
    environment = task.make_environment()
    parameters, options = environment.parameters.model_dump(mode="json"), environment.options()
    environment.close()
    return _kind(find(task.scenario).id, parameters, options, task.level)


def _turns(step: dict[str, Any]) -> list[TokenTurn] | None:
    """The exchanges of a step in tokens; None if they were not told."""
    told = json.loads(step["extra"] or "{}").get("agent", {}).get("tokens")
    if not told:
        return None
    turns = []
    for one in told:
        prompt_ids, answer_ids, logprobs = one["prompt_ids"], one["answer_ids"], one["logprobs"]
        if not prompt_ids or not answer_ids or logprobs is None or len(answer_ids) != len(logprobs):
            return None
        turns.append(TokenTurn(prompt_ids, answer_ids, logprobs, Versions(BASE_VERSION, BASE_VERSION), step["index"]))
    return turns


def _played(row: dict[str, Any], steps: list[dict[str, Any]], task: TrainingTask) -> Played:
    ending: Ending = "task" if steps[-1]["terminated"] else "steps" if steps[-1]["truncated"] else "time"
    return Played(
        steps=[PlayedStep(step["reward"], bool(step["valid"]), step["safe"]) for step in steps],
        max_steps=task.max_steps,
        carried_out=sum(step["action_understood"] is not None for step in steps),
        ending=ending,
        measures=Measures(_known(row["score"]), row["correct"], row["safe"]),
        floor=_known(row["floor"]),
        bound=_known(row["bound"]),
        higher_is_better=row["higher_is_better"],
    )


def _step(row: dict[str, Any]) -> Step:
    text, numbers, action = row["text_observation"], row["numeric_observation"], row["action_understood"]
    seen = Observation()
    if text is not None:
        seen["text_observation"] = text
    if numbers is not None:
        seen["numeric_observation"] = np.array(numbers)
    info = {
        "action": None if action is None else json.loads(action),
        "valid": row["valid"],
        "reason": row["invalid_reason"],
        "safe": row["safe"],
    }
    taken = {name: row[name] for name in ("reward", "terminated", "truncated", "latency_s", "input_tokens")}
    return Step(seen, row["action_said"], info=info, output_tokens=row["output_tokens"], **taken)


def _known(value: float | None) -> float:
    return math.nan if value is None else value
