"""The environment: a Gymnasium `Env` that plays seeded tasks of one scenario.

A scenario subclasses `Environment` and says what its world does; validation of actions, what
happens after an invalid one, limits, text and numbers are the same for all and live here.
"""

from __future__ import annotations

import math
import string
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
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
PENALIZED = Is("invalid_action", "penalty")
"""Where ``invalid_penalty`` has an effect."""

MAX_RETRIES = 3
"""Invalid actions in a row that `retry` forgives before the default action is taken."""

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
    """What a scenario's score is called, its unit, which way is better, and what values it can have.

    Args:
        name: what it is called.
        unit: "1" for none.
        higher_is_better: which way.
        low: the lowest value that there can be, such as 0 for a time; None where there is no limit.
        high: the highest, such as 1 for a share.
    """

    name: str
    unit: str
    higher_is_better: bool
    low: float | None = None
    high: float | None = None

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value, infinite where there is no limit."""
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high


class Outcome(NamedTuple):
    """What one valid action did.

    Args:
        reward: the reward, before ``reward_scale``.
        terminated: the task is over.
        safe: whether the step was safe; None where the scenario does not define safety.
        extra: JSON-able facts of the step that are worth keeping.
    """

    reward: float
    terminated: bool = False
    safe: bool | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Measures:
    """What an episode achieved, in the scenario's own terms.

    Args:
        score: the scalar by which agents are ranked; NaN where nothing was scored yet.
        correct: whether the task was solved; None where the scenario does not define it.
        safe: whether every step was safe; None where the scenario does not define it.
        metrics: further figures by name, with the unit in the name.
        failure: the kind of failure, None where there is none.
    """

    score: float
    correct: bool | None = None
    safe: bool | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None


class Environment(gymnasium.Env[Any, Any]):
    """Base of all environments.

    An observation is a dict with ``task_description`` (what the system is and what is asked),
    ``available_actions`` (what may be answered), ``text_observation`` (the state in words) and,
    where the state has numbers, ``numeric_observation`` (float64, laid out as `layout` says).
    With ``text=False`` an observation is the vector of numbers itself (`NumericObservation`), and
    ``observation_space`` a flat `Box`, as learning libraries take it.

    An action is native (a member of ``action_space``) or text, which `parse_action` reads.

    Args:
        text: whether observations carry text.
        invalid_action: what an invalid action does. ``retry``: nothing happens, the reason is
            told, and after three in a row the default action is taken; ``default``: the default
            action is taken; ``penalty``: the default action is taken and ``invalid_penalty`` is
            subtracted from the reward; ``end``: the episode ends and scores as the floor.
        invalid_penalty: reward units (before ``reward_scale``) that ``penalty`` subtracts; only with that.
        max_episode_steps: calls of `step` after which the episode is truncated.
        reward_scale: factor on every reward.
        level: difficulty, one of the scenario's ``levels``.
        preset: a named set of parameters, one of the scenario's ``presets``; parameters that
            are given beside it win.
        render_mode: ``ansi`` for the state in words; in any other there is nothing to see, as `render` says.
        parameters: the scenario's own, see its ``Parameters``.

    Raises:
        UnknownArgument: a keyword is unknown, which is a `TypeError` too.
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
    """The spec of an agent that plays well; its answers are the examples that language models are shown."""
    without_constant: ClassVar[str | None] = None
    """Why no agent ``constant`` gives the best answer that never looks; None where there is one."""
    lookahead: ClassVar[int] = 0
    """Steps whose chance an observation shows before they are played: 0 where an agent sees what was, 1 where it sees
    what is decided now, such as the job to place, more where a forecast is a part of the problem."""
    measured: ClassVar[bool] = False
    """Whether outcomes are measured on this machine: equal seeds are equal tasks, no two plays are equal, and two
    at a time would measure each other: see `exclusively`."""
    blocking: ClassVar[bool] = False
    """Whether a reset or step may wait for something outside, such as an emulator; it then has a thread of its own."""

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
        """Actions that the world has carried out in this episode (invalid ones excepted)."""
        self._over = False

    # What a scenario says about its world.

    @classmethod
    def problem(cls) -> str | None:
        """Why no task can be played on this machine, in one line that says what to do; None where they can."""
        return None

    def unplayable(self) -> str | None:
        """Why no task with these parameters can be played, in one line that says what to do; None where they can.

        What is missing on a machine whatever the parameters are is said by `problem`.
        """
        return None

    def missing_here(self) -> str | None:
        """What tasks with these parameters need and this machine lacks, as `unplayable` says it.

        Asked just before a run starts on this machine; a plan may be made elsewhere.
        """
        return None

    def least_steps(self) -> tuple[int, str]:
        """The smallest ``max_episode_steps`` that leaves something to score, and the parameter that it follows from.

        A scenario with a warm-up says how long that is; the name is "" where one step is enough.
        """
        return 1, ""

    @abstractmethod
    def observed_fields(self) -> tuple[ObservedField, ...]:
        """The parts of the numeric observation, in order; empty where the state has no numbers."""

    @abstractmethod
    def make_action_space(self) -> gymnasium.Space[Any]:
        """The space of native actions."""

    @abstractmethod
    def describe_task(self) -> str:
        """The system and the aim in words, the same for every task with these parameters."""

    @abstractmethod
    def describe_actions(self) -> str:
        """What an agent may answer, with an example, for a reader and for a program."""

    @abstractmethod
    def begin(self, task: Task) -> None:
        """Generates the task's world from its seed and puts it before the first decision."""

    @abstractmethod
    def numbers(self) -> NDArray[np.float64]:
        """The numeric observation now, a fresh float64 array of shape ``(layout.size,)``."""

    @abstractmethod
    def words(self) -> str:
        """The text observation now."""

    @abstractmethod
    def advance(self, action: Any) -> Outcome:
        """Carries out a valid native action."""

    def answer_form(self) -> AnswerForm:
        """What an action is when it is said now: from it follow `parse_action` and `say_action`.

        By default what the action space suggests: a number for `Discrete`, a JSON object for a `Dict` of numbers
        and texts. A scenario gives names by which an agent speaks: ``Choice("server", 5)``, a `Record` of fields.
        """
        form = form_of(self.action_space)
        if form is None:
            raise InfrarayError(
                f"{self.scenario}: {type(self.action_space).__name__} actions have no obvious words; "
                "say what they are in answer_form()"
            )
        return form

    def parse_action(self, text: str) -> Any:
        """Reads an action from what an agent wrote, in the order that ``infraray.answers.reader`` says.

        Raises:
            InvalidAction: one line with the reason and what would be valid.
        """
        return read_answer(text, self.answer_form())

    def say_action(self, action: Any) -> str:
        """Writes a native action as text that `parse_action` reads back: for prompts, exports and training data."""
        return self.answer_form().say(self.check_action(action))

    @abstractmethod
    def default_action(self) -> Any:
        """The harmless action that is taken in place of an invalid one."""

    @abstractmethod
    def measure(self) -> Measures:
        """What the episode achieved so far."""

    @abstractmethod
    def bound(self) -> float:
        """The best score known or provable for this task as far as `progress`."""

    def progress(self) -> int:
        """How far into its task the episode is: floor and bound are the same for equal progress.

        The actions played, unless an action takes the task further at one time than at another.
        """
        return self.played

    def exclusively(self) -> AbstractContextManager[None]:
        """Is held by whoever plays an episode from before its reset to its end; in it, a measured scenario waits."""
        return nullcontext()

    def parts(self) -> tuple[Any, ...]:
        """Classes, and modules by name, that decide its outcomes and that no import of its own leads to.

        What is looked up by a name under these parameters, and programs that it starts: their code is part of an
        episode's identity, as the class's own and what that imports is (`infraray.code_identity`).
        """
        return ()

    def best_agent(self) -> str | None:
        """The spec of the agent that plays well with these parameters: `expert`, unless a scenario knows a better."""
        return self.expert

    def floor(self) -> float | None:
        """A fixed floor; None (the default) means the score that the ``random`` agent gets."""
        return None

    def check_action(self, action: Any) -> Any:
        """Returns a native action in its plain form; NumPy's and others' arrays of one element are that element.

        Raises:
            InvalidAction: one line with the reason and what would be valid.
            InfrarayError: an array or tensor stands for no action.
        """
        space = self.action_space
        if isinstance(space, spaces.Discrete):
            # Most actions are, and a call costs as much as the rest of a simulator's step.
            return action if type(action) is int and 0 <= action < space.n else whole_number(action, int(space.n))
        action = plain(space, action)
        if not space.contains(action):
            raise InvalidAction(f"the action {_shorten(action)} is not a member of {space}")
        return action

    # What Gymnasium asks for.

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts a task. ``seed`` fixes it completely; without one, the next task of the last seed's series starts.

        Returns:
            The first observation, an `Observation` or with ``text=False`` a `NumericObservation`, and facts of it.

        Raises:
            InfrarayError: the seed is no whole number of at least 0, or there are ``options``, of which none is known.
        """
        if options:
            raise InfrarayError(f"{self.scenario}: options={_shorten(options)}: a reset knows none; leave them out")
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

        ``info`` holds ``valid``, where it was invalid ``reason``, and where the scenario defines them ``safe`` and
        ``extra``; ``info["action"]`` is the action as understood, None where nothing was carried out (`StepInfo`).
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
        if reason is not None:
            info["reason"] = reason
            if self.invalid_action == "penalty":
                reward -= self.invalid_penalty
        truncated = not terminated and self._calls == self.max_episode_steps
        self._over = terminated or truncated
        self._truncated = truncated
        return self._observe(reason), reward * self.reward_scale, terminated, truncated, info

    def render(self) -> str | None:
        """The state in words, with ``render_mode="ansi"``; a warning and nothing with one that there is not."""
        if self.render_mode not in (None, "ansi"):
            gymnasium.logger.warn(f"{self.scenario}: render_mode={self.render_mode!r} shows nothing; give 'ansi'")
        return self.words() if self.render_mode == "ansi" else None

    def verdict(self) -> Measures:
        """What the episode achieved; an episode that an invalid action ended says so."""
        if self.task is None:
            raise InfrarayError(f"{self.scenario}: verdict() before reset(); call reset(seed=...) first")
        measures = self.measure()
        failure = measures.failure
        if self._ended_by_invalid_action:
            return Measures(math.nan, False, measures.safe, measures.metrics, "invalid_action")
        if self._truncated and failure is None:
            failure = "step_limit"
        return Measures(measures.score, measures.correct, measures.safe, measures.metrics, failure)

    def options(self) -> dict[str, Any]:
        """The arguments that are the same for every scenario, as given: part of an episode's identity."""
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
        """The action that is carried out in place of an invalid one, None where nothing is."""
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
    """A reason as it is told and kept: it quotes what an agent wrote, which may be anything and of any length."""
    bounded = reason if len(reason) <= MAX_REASON_LENGTH else f"{reason[: MAX_REASON_LENGTH - 3]}..."
    return "".join(character if character in TEXT_CHARACTERS else "?" for character in bounded)


def _is_number(value: Any) -> bool:
    return (is_whole(value) or isinstance(value, float | np.floating)) and math.isfinite(value)
