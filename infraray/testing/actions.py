"""Tests of valid answers, and of how everything else is handled."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from gymnasium import spaces

from infraray.deadline import time_limit
from infraray.environment import INVALID_ACTION, MAX_RETRIES, Environment, InvalidActionPolicy
from infraray.errors import InvalidAction
from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Draws, plain, play

NO_ACTIONS: tuple[Any, ...] = (
    None,
    math.nan,
    math.inf,
    10**30,
    -1,
    -(10**30),
    1.5,
    b"0",
    object(),
    [],
    [[]],
    {},
    {"nothing": None},
)
"""Objects that are not actions of a `Discrete` space."""

NONSENSE = ("", " \n\t", "rubbish", "nan", "null", "[]", "{}", "-1", "9" * 40, "\x00\u202e\ud83e", "πράξη 🦙 ٣", '{"')
"""Texts that mean nothing."""

LONG = 300_000
"""Characters of a very long answer."""

LONG_LIMIT_S = 10.0
"""Far more than reading a long answer once takes, far less than reading it once per character."""


class ActionConformance(ScenarioCase):
    """Text means the same as the native action; meaningless text is handled by the invalid-action policy."""

    nonsense: ClassVar[tuple[str, ...]] = NONSENSE
    """Texts that `parse_action` must refuse."""

    def refused(self) -> list[Any]:
        """Everything that is not valid."""
        space = self.make().action_space
        return [value for value in NO_ACTIONS if isinstance(space, spaces.Discrete) or not space.contains(value)] + [
            *self.nonsense
        ]

    def refused_in_steps(self) -> list[Any]:
        """Those passed to whole steps: all, or one of each kind if a step waits for a live system."""
        refused = self.refused()
        return [refused[0], refused[-1]] if self.registration().environment_class().blocking else refused

    def test_what_is_refused_is_refused_in_one_line(self) -> None:
        """The reason is short for any input."""
        environment = self.make()
        environment.reset(seed=self.seeds[0])
        for value in self.refused():
            with pytest.raises(InvalidAction) as caught:
                environment.parse_action(value) if isinstance(value, str) else environment.check_action(value)
            assert 0 < len(str(caught.value)) <= 500 and "\n" not in str(caught.value), repr(value)

    def test_text_does_what_the_native_action_does(self) -> None:
        """A whole episode in text equals the one in native actions."""
        for seed in self.seeds[:2]:
            spoken = self.make()
            repeat = Draws(spoken, seed)
            assert self.drawn(seed, seed) == play(spoken, lambda _: spoken.say_action(repeat()), seed)  # noqa: B023

    def test_every_native_action_can_be_said(self) -> None:
        """`parse_action` reads back what `say_action` writes, even with blanks around it."""
        environment = self.make()
        environment.reset(seed=self.seeds[0])
        for action in _some_actions(environment):
            said = environment.say_action(action)
            for text in (said, f"  {said}\n"):
                assert plain(environment.parse_action(text)) == plain(action)

    def test_forms_that_are_shown_are_understood(self) -> None:
        """The JSON in ``available_actions`` is valid, and so is the same form with any other action."""
        environment = self.make()
        environment.reset(seed=self.seeds[0])
        for form in _shown_forms(environment):
            for text in (json.dumps(form), f"Let me think.\n```json\n{json.dumps(form)}\n```"):
                environment.check_action(environment.parse_action(text))
            for name, value in form.items():
                if not isinstance(environment.action_space, spaces.Discrete) or type(value) is not int:
                    continue
                for action in _some_actions(environment):
                    assert environment.parse_action(json.dumps({name: int(action)})) == action

    @pytest.mark.parametrize("policy", ["retry", "default", "penalty", "end"])
    def test_invalid_action_is_explained_in_one_line(self, policy: InvalidActionPolicy) -> None:
        """For any text, the step is marked as invalid with a short reason, and nothing raises."""
        for value in self.refused_in_steps():
            environment = self.make(invalid_action=policy)
            environment.reset(seed=self.seeds[0])
            observation, _, _, truncated, info = environment.step(value)
            assert info["valid"] is False, repr(value)
            assert 0 < len(info["reason"]) <= 500 and "\n" not in info["reason"]
            assert not truncated
            assert environment.observation_space.contains(observation)

    def test_retry_changes_nothing_and_tells_the_reason(self) -> None:
        """Until too many in a row trigger the default action."""
        environment, twin = self.make(invalid_action="retry"), self.make()
        for value in self.refused_in_steps():
            before, _ = environment.reset(seed=self.seeds[0])
            twin.reset(seed=self.seeds[0])
            for _ in range(MAX_RETRIES):
                observation, reward, terminated, truncated, info = environment.step(value)
                assert (reward, terminated, truncated, info["action"]) == (0.0, False, False, None)
                assert environment.played == 0
                assert observation["text_observation"].endswith(before["text_observation"])
                assert observation["text_observation"] != before["text_observation"]
            assert _outcome(environment.step(value)) == _outcome(twin.step(twin.default_action()))
            assert environment.played == 1

    def test_default_takes_the_default_action(self) -> None:
        """Nothing else happens, and the episode continues to its natural end."""
        environment, twin = self.make(invalid_action="default"), self.make()
        for value in self.refused_in_steps():
            environment.reset(seed=self.seeds[0])
            twin.reset(seed=self.seeds[0])
            assert _outcome(environment.step(value)) == _outcome(twin.step(twin.default_action()))
        said = self.refused_in_steps()
        answers = iter(said * 1000)
        steps = play(environment, lambda _: next(answers), self.seeds[0])
        expected = play(twin, lambda _: twin.default_action(), self.seeds[0])
        assert [step[1:4] for step in steps[1:]] == [step[1:4] for step in expected[1:]]

    def test_penalty_costs_what_was_asked_for(self) -> None:
        """The default action is taken, and the penalty is subtracted and scaled like every reward."""
        environment, twin = self.make(invalid_action="penalty", invalid_penalty=7.0, reward_scale=0.5), self.make()
        for value in self.refused_in_steps():
            environment.reset(seed=self.seeds[0])
            twin.reset(seed=self.seeds[0])
            _, reward, terminated, truncated, _ = environment.step(value)
            _, expected, twin_terminated, twin_truncated, _ = twin.step(twin.default_action())
            assert reward == pytest.approx(0.5 * (float(expected) - 7.0))
            assert (terminated, truncated) == (twin_terminated, twin_truncated)

    def test_end_ends_the_episode_and_says_why(self) -> None:
        """The verdict is a failure without a score; beside the floor, it scores as that."""
        environment = self.make(invalid_action="end")
        for value in self.refused_in_steps():
            environment.reset(seed=self.seeds[0])
            _, reward, terminated, truncated, info = environment.step(value)
            assert (reward, terminated, truncated, info["action"]) == (0.0, True, False, None)
            verdict = environment.verdict()
            assert verdict.failure == INVALID_ACTION and math.isnan(verdict.score)
            assert verdict.beside(0.25) == replace(verdict, score=0.25)

    def test_very_long_answers_are_read_at_once(self) -> None:
        """A few hundred kilobytes of almost valid text take no more than a moment."""
        environment = self.make(invalid_action="default")
        over = True
        for text in _long_answers(environment):
            if over:
                environment.reset(seed=self.seeds[0])
            with time_limit(LONG_LIMIT_S):
                observation, _, terminated, truncated, info = environment.step(text)
            over = terminated or truncated
            assert len(info.get("reason", "")) <= 500
            assert environment.observation_space.contains(observation)


def _outcome(step: tuple[Any, ...]) -> Any:
    """A step without the parts that depend on how the action was written."""
    observation, reward, terminated, truncated, info = step
    return plain([observation.get("numeric_observation"), reward, terminated, truncated, info["action"]])


def _some_actions(environment: Environment) -> list[Any]:
    """All actions if they are few; otherwise the first, the last and some in between."""
    space = environment.action_space
    if not isinstance(space, spaces.Discrete):
        draw = Draws(environment, 0)
        return [draw() for _ in range(20)]
    return sorted({int(action) for action in np.linspace(0, space.n - 1, 20)})


def _shown_forms(environment: Environment) -> list[dict[str, Any]]:
    """The JSON objects in ``available_actions``."""
    forms = []
    for found in re.findall(r"\{[^{}]*\}", environment.available_actions):
        try:
            form = json.loads(found)
        except ValueError:
            continue
        if isinstance(form, dict):
            forms.append(form)
    return forms


def _long_answers(environment: Environment) -> Iterator[str]:
    names = {name for form in _shown_forms(environment) for name in form}
    for unit in ("1", "-", " ", "\n", "[", "{", '"', "\\", "é", "a", "action ", "answer: ", "1.", " 1 "):
        yield unit * (LONG // len(unit))
    for name in sorted(names):
        for unit in (f"{name} ", f"{name}: 1.5 ", f'{{"{name}": '):
            yield unit * (LONG // len(unit))
        yield f"{name} {'1' * LONG}.5"
        yield f"{name}{' ' * LONG}1"
        yield f"{name} 1{'.' * LONG}"
