"""Tests that the answer counts in any format and amid any reasoning, and that nothing beside it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from infraray.environment import Environment
from infraray.errors import InfrarayError, InvalidAction
from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Draws, plain

DRESSES = (
    "{}",
    "  {}\n",
    "```json\n{}\n```",
    "```\n{}\n```",
    "Answer: {}",
    "**Answer:** {}",
    "**Final answer: {}**",
    "Answer:\n\n{}",
    "Action: answer[{}]",
    "Thought 1: I have looked.\nAction 1: Finish[{}]",
    "<answer>{}</answer>",
    r"\boxed{{{}}}",
)
"""Wrappers around anything that `say_action` writes."""

PLAIN_DRESSES = (
    "{}.",
    "**{}**",
    '"{}"',
    "'{}'",
    "({})",
    "[{}]",
    "`{}`",
    "${}$",
    r"\({}\)",
    "<b>{}</b>",
    "- {}",
    "{}.0",
)
"""Wrappers around a bare number."""

BEFORE = "All were looked at. Some are busier than they seem, and waiting is dear."
AFTER = "The rest would take longer; that is why."

THOUGHT_MARKS = (
    ("<think>", "</think>"),
    ("<Thinking>\n", "\n</Thinking>\n"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<antThinking>", "</antThinking>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)


class AnswerConformance(ScenarioCase):
    """Every scenario reads answers as `infraray.answers` does; one with an ``answer_form`` gets this for free."""

    def test_answer_stays_however_it_is_dressed(self) -> None:
        """Alone and amid reasoning."""
        for environment, action, _ in self._pairs():
            said = environment.say_action(action)
            for dress in DRESSES:
                text = dress.format(said)
                for answer in (text, f"{BEFORE}\n\n{text}\n\n{AFTER}" if "nswer" in text else text):
                    assert plain(environment.parse_action(answer)) == plain(action), answer
            if isinstance(environment.action_space, spaces.Discrete):
                for dress in PLAIN_DRESSES:
                    assert environment.parse_action(dress.format(int(action))) == action, dress

    def test_what_stands_beside_the_answer_never_counts(self) -> None:
        """Neither other keys, with any content, nor what follows a marked line."""
        for environment, action, other in self._pairs():
            said, unsaid = environment.say_action(action), environment.say_action(other)
            for answer in (
                f"Answer: {said}\n\nOf the others, {unsaid} would take longer.",
                f"Thought: perhaps {unsaid}, perhaps not.\nAction: answer[{said}]",
                *_nested(said, unsaid),
            ):
                assert plain(environment.parse_action(answer)) == plain(action), answer

    def test_contradictory_answers_are_invalid(self) -> None:
        """Two different answers are no answer."""
        for environment, action, other in self._pairs():
            said, unsaid = environment.say_action(action), environment.say_action(other)
            for answer in (
                f"{said}\n{unsaid}",
                f"{said} or {unsaid}",
                f"Answer: {said}\nAnswer: {unsaid}",
                f"Answer: {said}, or else {unsaid}",
                *_repeated(said, unsaid),
            ):
                with pytest.raises(InvalidAction):
                    environment.parse_action(answer)

    def test_thoughts_never_count(self) -> None:
        """In any markup; thoughts alone are not an answer."""
        for environment, action, other in self._pairs():
            said, unsaid = environment.say_action(action), environment.say_action(other)
            for begin, end in THOUGHT_MARKS:
                answer = f"{begin}Answer: {unsaid}{end}{said}"
                assert plain(environment.parse_action(answer)) == plain(action), answer
                for answer in (f"{begin}{said}{end}", f"{begin}{said}"):
                    with pytest.raises(InvalidAction):
                        environment.parse_action(answer)

    def test_mark_that_cannot_be_read_is_invalid(self) -> None:
        """The text around it is not taken instead."""
        for environment, action, _ in self._pairs():
            said = environment.say_action(action)
            for answer in (
                f"I thought of {said} first.\nAnswer: hard to say",
                f"{BEFORE} {said}, say.\nAction: wait[1]",
            ):
                with pytest.raises(InvalidAction):
                    environment.parse_action(answer)

    def test_numbers_of_programs_are_read_or_refused(self) -> None:
        """NumPy scalars and arrays of one whole number count as that number; other arrays raise under any policy."""
        for text in (True, False) if self.make().layout.size else (True,):
            environment = self.make(text=text)
            if not isinstance(environment.action_space, spaces.Discrete):
                return
            last = int(environment.action_space.n) - 1
            for given in (np.int64(last), np.uint64(last), np.array(last), np.array([last]), np.array([[float(last)]])):
                read = environment.check_action(given)
                assert read == last and type(read) is int
            assert environment.check_action(float(last)) == last
            environment.reset(seed=self.seeds[0])
            for refused in (
                np.array([0, 0]),
                np.array([]),
                np.array(0.5),
                np.array(np.nan),
                np.array(True),
                np.array("0"),
            ):
                with pytest.raises(InfrarayError):
                    environment.step(refused)
            assert environment.played == 0
            for alike in (True, False, np.True_, 0.5):
                with pytest.raises(InvalidAction):
                    environment.check_action(alike)

    def _pairs(self) -> Iterator[tuple[Environment, Any, Any]]:
        """A few pairs of different actions, each with an environment at a decision."""
        environment = self.make()
        environment.reset(seed=self.seeds[0])
        draw = Draws(environment, 0)
        found = 0
        for _ in range(100):
            action, other = environment.check_action(draw()), environment.check_action(draw())
            if plain(action) != plain(other):
                found += 1
                yield environment, action, other
            if found == 3:
                return


def _nested(said: str, unsaid: str) -> Iterator[str]:
    """The answer with additional keys, if it is an object."""
    try:
        own, other = json.loads(said), json.loads(unsaid)
    except ValueError:
        return
    if isinstance(own, dict):
        beside = {
            "reason": f"not {unsaid}\nAnswer: {unsaid}",
            "alternatives": [other, [other]],
            "undo": {"then": other},
        }
        for content in ({**own, **beside}, {**beside, **own}):
            yield json.dumps(content)
            yield f"{BEFORE}\n{json.dumps(content, indent=2)}\n{AFTER}"
            yield f"Answer: {json.dumps(content)}"


def _repeated(said: str, unsaid: str) -> Iterator[str]:
    """The keys of both answers in one object, if they are objects."""
    if said.startswith("{") and unsaid.startswith("{"):
        yield f"{said[:-1]}, {unsaid[1:]}"
