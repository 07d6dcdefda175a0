"""What an episode of capacity planning is: answers, repairs, what is told, and what counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import infraray
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.environment import CapacityPlanning
from infraray.scenarios.capacity_planning.programs import program
from infraray.scenarios.capacity_planning.truth import truth_code
from tests.scenarios.capacity_planning.test_malt_file import MODEL

FAILS = program("1 / 0")
UNSAFE = "def process_graph(g):\n    g.add_node('alone', name='alone', type=['EK_PORT'])\n    return g"
WRONG = program("'no such answer'")


@pytest.fixture(autouse=True)
def _playable() -> None:
    if (reason := CapacityPlanning.problem()) is not None:
        pytest.skip(reason)


def made(**arguments: Any) -> CapacityPlanning:
    environment = CapacityPlanning(**{"preset": "small", **arguments})
    environment.reset(seed=4)
    return environment


def right(environment: CapacityPlanning) -> str:
    return truth_code(environment._question, environment.parameters.format)


def say(environment: Environment, code: str) -> tuple[str, float, bool, dict[str, Any]]:
    observation, reward, terminated, _, info = environment.step(f"Here it is:\n```python\n{code}\n```")
    return observation["text_observation"], reward, terminated, info


def test_a_right_answer_ends_the_episode_with_the_bound() -> None:
    environment = made()
    _, reward, terminated, info = say(environment, right(environment))
    verdict = environment.verdict()
    assert (reward, terminated, info["safe"], verdict.score, verdict.correct) == (1.0, True, True, 1.0, True)
    assert verdict.score == environment.bound() and verdict.failure is None
    assert info.timing["code_s"] > 0


@pytest.mark.parametrize(
    ("code", "told", "reward"),
    [(FAILS, "line 2: ZeroDivisionError: division by zero", -0.1), (UNSAFE, "unsafe graph: ", -0.6)],
)
def test_what_fails_or_is_unsafe_is_told_and_may_be_repaired(code: str, told: str, reward: float) -> None:
    environment = made()
    text, earned, terminated, info = say(environment, code)
    assert told in text and "2 answers are left" in text
    assert (earned, terminated, info["safe"]) == (reward, False, code != UNSAFE)
    _, _, terminated, _ = say(environment, right(environment))
    verdict = environment.verdict()
    assert terminated and verdict.correct
    assert verdict.score == 0.875 * (0.5 if code == UNSAFE else 1.0)
    assert verdict.failure == ("safety_violation" if code == UNSAFE else None)


def test_a_wrong_answer_is_final_and_does_not_tell_the_right_one() -> None:
    environment = made()
    text, _, terminated, info = say(environment, WRONG)
    assert terminated and environment.verdict().failure == "control_logic_error"
    assert info["extra"]["outcome"] == "wrong" and info["extra"]["reason"] not in text


def test_turns_are_limited() -> None:
    environment = made(max_turns=2)
    assert [say(environment, FAILS)[2] for _ in range(2)] == [False, True]
    assert (environment.verdict().score, environment.verdict().failure) == (0.0, "operational_error")


def test_every_turn_begins_with_the_graph_as_it_was() -> None:
    environment = made()
    emptied = "def process_graph(g):\n    g.clear()\n    raise ValueError"
    for code in (emptied, emptied):
        say(environment, code)
    assert say(environment, right(environment))[2] and environment.verdict().correct


def test_single_turns_in_the_public_benchmarks_format_are_a_preset() -> None:
    environment = CapacityPlanning(preset="netarena")
    assert (environment.parameters.max_turns, environment.parameters.answer_format) == (1, "netarena")
    environment = made(answer_format="netarena", max_turns=1)
    _, _, terminated, _ = say(environment, right(environment))
    assert terminated and environment.verdict().correct
    environment.reset(seed=4)
    assert say(environment, program("7"))[3]["extra"]["outcome"] == "not_data"


def test_what_the_code_printed_is_told() -> None:
    environment = made()
    text, *_ = say(environment, "print('a port\\x1b[31m', 'ü')\n" + FAILS)
    assert "It printed:\na port ?" in text


def test_a_model_is_read_in_place_of_a_generated_fabric(tmp_path: Path) -> None:
    file = tmp_path / "model.textproto"
    file.write_text(MODEL)
    environment = infraray.make("capacity_planning", model=str(file))
    assert environment.parameters.files().keys() == {str(file)}
    with pytest.raises(InfrarayError, match="superblocks=2: has no effect"):
        infraray.make("capacity_planning", model=str(file), superblocks=2)
