"""The environment: a Gymnasium `Env` that plays seeded tasks of one scenario.

A scenario subclasses `Environment` and defines its world; everything that all scenarios share lives here: validating
actions, handling invalid ones, limits, text and numeric observations.
"""

from __future__ import annotations

import math
import string
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from infraray.answers import AnswerForm, form_of, read_answer
from infraray.answers.native import plain, whole_number
from infraray.conditions import Is
from infraray.errors import InfrarayError, InvalidAction, did_you_mean
from infraray.observation import NumericObservation, Observation, ObservationLayout, ObservedField
from infraray.parameters import Parameters
from infraray.seeds import checked_seed, is_whole
from infraray.step_info import StepInfo

InvalidActionPolicy = Literal["retry", "default", "penalty", "end"]
INVALID_PENALTY = 1.0
INVALID_ACTION = "invalid_action"
"""Failure of an episode that an invalid action ended."""

PENALIZED = Is("invalid_action", "penalty")
"""The condition under which ``invalid_penalty`` has an effect."""

MAX_RETRIES = 3
"""Consecutive invalid actions that `retry` tolerates before it takes the default action."""

TEXT_CHARACTERS = string.printable
MAX_TEXT_LENGTH = 65_536
MAX_REASON_LENGTH = 500


@dataclass(frozen=True)
class Task:
    """One seeded instance of a scenario. Equal tasks play out equally, on any machine."""

    scenario: str
    version: int
    parameters: Parameters
    level: int
    seed: int


@dataclass(frozen=True)
class Score:
    """A scenario's score: its name, unit, direction and range.

    Args:
        name: its name.
        unit: its unit, "1" if it has none.
        higher_is_better: its direction.
        low: the lowest possible value, such as 0 for a time; None if there is no limit.
        high: the highest possible value, such as 1 for a share; None if there is no limit.
    """

    name: str
    unit: str
    higher_is_better: bool
    low: float | None = None
    high: float | None = None

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest possible value, infinite if there is no limit."""
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high


class Outcome(NamedTuple):
    """What one valid action did.

    Args:
        reward: the reward, before ``reward_scale``.
        terminated: whether the task is over.
        safe: whether the step was safe; None where the scenario does not define safety.
        extra: JSON-serializable facts about the step that are worth keeping.
        timing: seconds that parts of the step took, by name; kept too, but no two plays need agree on them.
    """

    reward: float
    terminated: bool = False
    safe: bool | None = None
    extra: Mapping[str, Any] | None = None
    timing: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Measures:
    """What an episode achieved, in the scenario's own terms.

    Args:
        score: the scalar by which agents are ranked; NaN if nothing has been scored yet.
        correct: whether the task was solved; None where the scenario does not define it.
        safe: whether every step was safe; None where the scenario does not define it.
        metrics: further figures by name, with the unit in the name.
        failure: the kind of failure, None if there was none.
    """

    score: float
    correct: bool | None = None
    safe: bool | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None

    def beside(self, floor: float) -> Measures:
        """The same where the task's floor is known: an episode that an invalid action ended scores as the floor."""
        return replace(self, score=floor) if self.failure == INVALID_ACTION else self


class Environment(gymnasium.Env[Any, Any]):
    """Base of all environments.

    An observation is a dict with ``task_description`` (the system and the aim),
    ``available_actions`` (the valid answers), ``text_observation`` (the state in words) and,
    if the state has numbers, ``numeric_observation`` (float64, laid out as in `layout`).
    With ``text=False`` an observation is the vector of numbers itself (`NumericObservation`), and
    ``observation_space`` a flat `Box`, as learning libraries expect.

    An action is native (a member of ``action_space``) or text, which `parse_action` reads.

    Args:
        text: whether observations carry text.
        invalid_action: what an invalid action does. ``retry``: nothing happens, the agent sees the reason, and after
            three in a row the default action is taken; ``default``: the default
            action is taken; ``penalty``: the default action is taken and ``invalid_penalty`` is
            subtracted from the reward; ``end``: the episode ends and scores as the floor.
        invalid_penalty: reward units (before ``reward_scale``) that ``penalty`` subtracts; only with ``penalty``.
        max_episode_steps: calls of `step` after which the episode is truncated.
        reward_scale: factor on every reward.
        level: difficulty, one of the scenario's ``levels``.
        preset: a named set of parameters, one of the scenario's ``presets``; parameters passed alongside it take
            precedence.
        render_mode: ``ansi`` for the state in words, the only mode there is.
        parameters: the scenario's own, see its ``Parameters``.

    Raises:
        UnknownArgument: a keyword is unknown; also a `TypeError`.
        InfrarayError: one line for every argument that is out of range or has no effect.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 (Gymnasium's form)

    scenario: ClassVar[str]
    version: ClassVar[int] = 0
    score: ClassVar[Score]
    Parameters: ClassVar[type[Parameters]] = Parameters
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    levels: ClassVar[tuple[int, ...]] = (1,)
    expert: ClassVar[str | None] = None
    """The spec of an agent that plays well; its answers serve as examples for language models."""
    without_constant: ClassVar[str | None] = None
    """Why the scenario has no agent ``constant``, which always gives the best fixed answer; None if it has one."""
    lookahead: ClassVar[int] = 0
    """Steps whose random events an observation reveals before they are played: 0 if an agent sees only the past, 1 if
    it sees what it decides on now, such as the job to place, more if a forecast is part of the problem."""
    measured: ClassVar[bool] = False
    """Whether outcomes are measured on this machine: equal seeds give equal tasks but no two episodes are equal, and
    two played at once would disturb each other's measurements; see `exclusively`."""
    blocking: ClassVar[bool] = False
    """Whether a reset or step may wait for something external, such as an emulator; it then runs in its own thread."""

    def __init__(
        self,
        *,
        text: bool = True,
        invalid_action: InvalidActionPolicy = "retry",
        invalid_penalty: float = INVALID_PENALTY,
        max_episode_steps: int | None = None,
        reward_scale: float = 1.0,
        level: int = 1,
        preset: str | None = None,
        render_mode: str | None = None,
        **parameters: Any,
    ) -> None:
        owner = self.scenario
        if not isinstance(text, bool):
            raise InfrarayError(f"{owner}: text={text!r}: must be true or false")
        if invalid_action not in get_args(InvalidActionPolicy):
            raise InfrarayError(
                f"{owner}: invalid_action={invalid_action!r}: must be one of {', '.join(get_args(InvalidActionPolicy))}"
            )
        if not _is_number(invalid_penalty) or invalid_penalty < 0:
            raise InfrarayError(f"{owner}: invalid_penalty={invalid_penalty!r}: must be a finite number of at least 0")
        if not _is_number(reward_scale):
            raise InfrarayError(f"{owner}: reward_scale={reward_scale!r}: must be a finite number")
        if max_episode_steps is not None and not (is_whole(max_episode_steps) and max_episode_steps >= 1):
            raise InfrarayError(f"{owner}: max_episode_steps={max_episode_steps!r}: must be a whole number from 1")
        if not is_whole(level) or level not in self.levels:
            raise InfrarayError(f"{owner}: level={level!r}: must be one of {', '.join(map(str, self.levels))}")
        if preset is not None and not (isinstance(preset, str) and preset in self.presets):
            raise InfrarayError(f"{owner}: preset={preset!r}: {did_you_mean(str(preset), self.presets)}")
        if not isinstance(render_mode, str | None):
            raise InfrarayError(f"{owner}: render_mode={render_mode!r}: must be 'ansi' or nothing")
        self.text = text
        self.invalid_action: InvalidActionPolicy = invalid_action
        if invalid_penalty != INVALID_PENALTY and not PENALIZED.holds(self):
            why = PENALIZED.broken(self)
            raise InfrarayError(f"{owner}: invalid_penalty={invalid_penalty!r}: has no effect: {why}")
        self.invalid_penalty = float(invalid_penalty)
        self.max_episode_steps = None if max_episode_steps is None else int(max_episode_steps)
        self.reward_scale = float(reward_scale)
        self.level = int(level)
        self.render_mode = render_mode
        preset_values = self.presets[preset] if preset is not None else {}
        self.parameters = self.Parameters.parse(owner, parameters, preset_values)
        self.layout = ObservationLayout(self.observed_fields())
        self.action_space = self.make_action_space()
        self.observation_space = self._make_observation_space()
        self.task: Task | None = None
        self.played = 0
        """Actions that the world has carried out in this episode, excluding invalid ones."""
        self._over = False

    # What a scenario defines about its world.

    @classmethod
    def problem(cls) -> str | None:
        """Why no task can be played on this machine, in one line with the fix; None if tasks can be played."""
        return None

    def unplayable(self) -> str | None:
        """Why no task with these parameters can be played, in one line with the fix; None if tasks can be played.

        `problem` reports what the machine lacks regardless of the parameters.
        """
        return None

    def missing_here(self) -> str | None:
        """What this machine lacks for tasks with these parameters, in the form of `unplayable`.

        Called just before a run starts on this machine, since a plan may be made elsewhere.
        """
        return None

    def least_steps(self) -> tuple[int, str]:
        """The smallest ``max_episode_steps`` that leaves something to score, and the parameter that determines it.

        A scenario with a warm-up overrides this; the name is "" if one step is enough.
        """
        return 1, ""

    def unscored(self, field: str) -> str | None:
        """Why nothing of its episodes would be scored, in one line with the fix; None if something is.

        Args:
            field: what the user calls ``max_episode_steps``.
        """
        least, follows_from = self.least_steps()
        limit = self.max_episode_steps
        if limit is None or limit >= least:
            return None
        given = getattr(self.parameters, follows_from)
        return (
            f"{self.scenario}: {field}={limit}: nothing would be scored, since {follows_from}={given}; "
            f"give at least {least}, or lower {follows_from}"
        )

    @abstractmethod
    def observed_fields(self) -> tuple[ObservedField, ...]:
        """The parts of the numeric observation, in order; empty if the state has no numbers."""

    @abstractmethod
    def make_action_space(self) -> gymnasium.Space[Any]:
        """The space of native actions."""

    @abstractmethod
    def describe_task(self) -> str:
        """Describes the system and the aim; the same for every task with these parameters."""

    @abstractmethod
    def describe_actions(self) -> str:
        """Describes the valid answers, with an example, for a reader and for a program."""

    @abstractmethod
    def begin(self, task: Task) -> None:
        """Generates the task's world from its seed and advances it to the first decision."""

    @abstractmethod
    def numbers(self) -> NDArray[np.float64]:
        """The current numeric observation, a fresh float64 array of shape ``(layout.size,)``."""

    @abstractmethod
    def words(self) -> str:
        """The current text observation."""

    @abstractmethod
    def advance(self, action: Any) -> Outcome:
        """Carries out a valid native action."""

    def answer_form(self) -> AnswerForm:
        """The written form of an action at this moment, from which `parse_action` and `say_action` are derived.

        Derived from the action space by default: a number for `Discrete`, a JSON object for a `Dict` of numbers and
        texts. A scenario overrides it with the names that agents use: ``Choice("server", 5)``, a `Record` of fields.
        """
        form = form_of(self.action_space)
        if form is None:
            raise InfrarayError(
                f"{self.scenario}: {type(self.action_space).__name__} actions have no obvious words; "
                "say what they are in answer_form()"
            )
        return form

    def parse_action(self, text: str) -> Any:
        """Reads an action from an agent's text, trying the forms in the order of ``infraray.answers.reader``.

        Raises:
            InvalidAction: one line with the reason and what would be valid.
        """
        return read_answer(text, self.answer_form())

    def say_action(self, action: Any) -> str:
        """Writes a native action as text that `parse_action` reads back: for prompts, exports and training data."""
        return self.answer_form().say(self.check_action(action))

    @abstractmethod
    def default_action(self) -> Any:
        """The harmless action that replaces an invalid one."""

    @abstractmethod
    def measure(self) -> Measures:
        """What the episode has achieved so far."""

    @abstractmethod
    def bound(self) -> float:
        """The best score known or provable for this task up to `progress`."""

    def progress(self) -> int:
        """How far the episode has got in its task; floor and bound are the same for equal progress.

        The number of actions played, unless some actions take the task further than others.
        """
        return self.played

    def exclusively(self) -> AbstractContextManager[None]:
        """A context held while an episode is played, from before its reset to its end; measured scenarios wait here."""
        return nullcontext()

    def parts(self) -> tuple[Any, ...]:
        """Classes, and modules by name, that influence its outcomes but are not reachable through its own imports.

        These are what it looks up by name under these parameters and the programs that it starts. Their code is part
        of an episode's identity, like that of the class and its imports (`infraray.code_identity`).
        """
        return ()

    def best_agent(self) -> str | None:
        """The spec of an agent that plays well with these parameters: `expert` unless a scenario knows better."""
        return self.expert

    def floor(self) -> float | None:
        """A fixed floor; None (the default) means the score of the ``random`` agent."""
        return None

    def check_action(self, action: Any) -> Any:
        """Returns a native action in its plain form; arrays of one element become that element.

        Raises:
            InvalidAction: one line with the reason and what would be valid.
            InfrarayError: an array or tensor that is not an action.
        """
        space = self.action_space
        if isinstance(space, spaces.Discrete):
            # Most actions are plain, and a call costs as much as the rest of a simulator's step.
            return action if type(action) is int and 0 <= action < space.n else whole_number(action, int(space.n))
        action = plain(space, action)
        if not space.contains(action):
            raise InvalidAction(f"the action {_shorten(action)} is not a member of {space}")
        return action

    # The Gymnasium interface.

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts a task. ``seed`` determines it completely; without one, the next task of the last seed's series.

        Returns:
            The first observation, an `Observation` or with ``text=False`` a `NumericObservation`, and its info.

        Raises:
            InfrarayError: the seed is not a whole number of at least 0, or there are ``options``; none are known.
        """
        if options:
            raise InfrarayError(f"{self.scenario}: options={_shorten(options)}: reset() has no options; leave them out")
        seed = None if seed is None else checked_seed(seed, self.scenario)
        super().reset(seed=seed)
        task_seed = int(self.np_random.integers(2**31)) if seed is None else seed
        self.task = Task(self.scenario, self.version, self.parameters, self.level, task_seed)
        self.played = 0
        self._calls = 0
        self._retries = 0
        self._over = False
        self._ended_by_invalid_action = False
        self._truncated = False
        self.begin(self.task)
        return self._observe(), {"valid": True}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes a native action or text.

        ``info`` holds ``valid``; ``reason`` if the action was invalid; ``safe`` and ``extra`` if the scenario defines
        them; and ``action``, the action as understood, None if nothing was carried out (`StepInfo`).
        """
        if self.task is None:
            raise InfrarayError(f"{self.scenario}: step() before reset(); call reset(seed=...) first")
        if self._over:
            raise InfrarayError(f"{self.scenario}: step() after the episode's end; call reset(seed=...) first")
        reason: str | None = None
        try:
            understood = self.parse_action(action) if isinstance(action, str) else self.check_action(action)
        except InvalidAction as error:
            reason = _printable(str(error))
            understood = self._after_invalid_action()
        else:
            self._retries = 0
        self._calls += 1
        info = StepInfo(valid=reason is None)
        info.action = understood
        reward = 0.0
        terminated = self._ended_by_invalid_action
        if understood is not None:
            outcome = self.advance(understood)
            self.played += 1
            reward = outcome.reward
            terminated = outcome.terminated
            if outcome.safe is not None:
                info["safe"] = outcome.safe
            if outcome.extra is not None:
                info["extra"] = outcome.extra
            if outcome.timing is not None:
                info.timing = outcome.timing
        if reason is not None:
            info["reason"] = reason
            if self.invalid_action == "penalty":
                reward -= self.invalid_penalty
        truncated = not terminated and self._calls == self.max_episode_steps
        self._over = terminated or truncated
        self._truncated = truncated
        return self._observe(reason), reward * self.reward_scale, terminated, truncated, info

    def render(self) -> str | None:
        """The state in words with ``render_mode="ansi"``; without it, None and a warning."""
        if self.render_mode not in (None, "ansi"):
            gymnasium.logger.warn(f"{self.scenario}: render_mode={self.render_mode!r} shows nothing; give 'ansi'")
        return self.words() if self.render_mode == "ansi" else None

    def verdict(self) -> Measures:
        """What the episode achieved; NaN where an invalid action ended it, see `Measures.beside`."""
        if self.task is None:
            raise InfrarayError(f"{self.scenario}: verdict() before reset(); call reset(seed=...) first")
        measures = self.measure()
        if self._ended_by_invalid_action:
            return replace(measures, score=math.nan, correct=False, failure=INVALID_ACTION)
        if self._truncated and measures.failure is None:
            return replace(measures, failure="step_limit")
        return measures

    def options(self) -> dict[str, Any]:
        """The arguments common to all scenarios, as given; part of an episode's identity."""
        return {
            "text": self.text,
            "invalid_action": self.invalid_action,
            "invalid_penalty": self.invalid_penalty,
            "max_episode_steps": self.max_episode_steps,
            "reward_scale": self.reward_scale,
        }

    @cached_property
    def task_description(self) -> str:
        """The text of `describe_task`."""
        return self.describe_task()

    @cached_property
    def available_actions(self) -> str:
        """The text of `describe_actions`."""
        return self.describe_actions()

    def _observe(self, reason: str | None = None) -> Observation | NumericObservation:
        if not self.text:
            return NumericObservation(self.layout, self.numbers())
        words = self.words()
        if reason is not None:
            words = f"Your last answer was not valid: {reason}\n\n{words}"
        observation = Observation(self.layout)
        observation["task_description"] = self.task_description
        observation["available_actions"] = self.available_actions
        observation["text_observation"] = words
        if self.layout.size:
            observation["numeric_observation"] = self.numbers()
        return observation

    def _after_invalid_action(self) -> Any:
        """The action that replaces an invalid one, None if nothing is carried out."""
        if self.invalid_action == "end":
            self._ended_by_invalid_action = True
            return None
        if self.invalid_action == "retry":
            self._retries += 1
            if self._retries <= MAX_RETRIES:
                return None
            self._retries = 0
        return self.default_action()

    def _make_observation_space(self) -> spaces.Dict | spaces.Box:
        if not self.text:
            if not self.layout.size:
                raise InfrarayError(f"{self.scenario}: text=False leaves nothing to observe; it has no numbers")
            return self.layout.space()
        words = spaces.Text(MAX_TEXT_LENGTH, min_length=0, charset=TEXT_CHARACTERS)
        entries: dict[str, gymnasium.Space[Any]] = dict.fromkeys(
            ("task_description", "available_actions", "text_observation"), words
        )
        if self.layout.size:
            entries["numeric_observation"] = self.layout.space()
        return spaces.Dict(entries)


def _shorten(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _printable(reason: str) -> str:
    """A reason fit to show and store: it quotes the agent's text, which may hold anything and be of any length."""
    bounded = reason if len(reason) <= MAX_REASON_LENGTH else f"{reason[: MAX_REASON_LENGTH - 3]}..."
    return "".join(character if character in TEXT_CHARACTERS else "?" for character in bounded)


def _is_number(value: Any) -> bool:
    return (is_whole(value) or isinstance(value, float | np.floating)) and math.isfinite(value)
