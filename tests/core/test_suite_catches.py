"""The conformance suite passes over a sound scenario and agent, and each fault fails the test that is about it."""

import inspect
import itertools
import json
import re

import gymnasium
import numpy as np
import pytest

import infraray
from infraray.agents import Agent, ScriptedAgent, register_agent
from infraray.errors import InvalidAction
from infraray.registration import _registrations
from infraray.testing import AgentConformance, ScenarioConformance
from tests.core.toy import Lamp, LampParameters

_numbers = itertools.count()


@register_agent("attentive", scenario="lamp")
class Attentive(ScriptedAgent):
    def act(self, observation):
        return int(observation.shown[0])


@pytest.fixture(autouse=True)
def lamp():
    infraray.register("tests/Lamp-v0", name="lamp", entry_point=Lamp)
    yield
    _registrations.pop("tests/Lamp-v0")
    gymnasium.registry.pop("tests/Lamp-v0")


class TestLamp(ScenarioConformance):
    scenario = "lamp"


class TestAttentive(AgentConformance):
    scenario = "lamp"
    agent = "scripted:attentive"


class Unseeded(Lamp):
    """The task is not fixed by its seed."""

    def begin(self, task):
        super().begin(task)
        self.lamps = np.random.default_rng().integers(4, size=len(self.lamps))


class SeedBlind(Lamp):
    """All tasks are one."""

    def begin(self, task):
        super().begin(task)
        self.lamps[:] = 1


class HashOrdered(Lamp):
    """Python's hash of a string decides."""

    def begin(self, task):
        super().begin(task)
        self.lamps = np.random.default_rng(abs(hash(f"{task.seed}"))).integers(4, size=len(self.lamps))


class TooLowBound(Lamp):
    """An agent can do better than the bound."""

    def bound(self):
        return 0.9


class BoundOutOfReach(Lamp):
    """The bound is no score that there can be."""

    def bound(self):
        return 1.2


class BoundForTheDefaults(Lamp):
    """The bound knows nothing of a parameter."""

    class Parameters(LampParameters):
        numbers: int = infraray.parameter(4, ge=1, le=9, unit="1", description="numbers that lamps show")

    def make_action_space(self):
        return gymnasium.spaces.Discrete(self.parameters.numbers)

    def bound(self):
        return 1.0 if self.parameters.numbers == 4 else 0.2


class LyingExample(Lamp):
    """The form that is shown is not understood."""

    def describe_actions(self):
        return 'Say the number, for example {"lamp": 3}.'


class OtherMeaning(Lamp):
    """Text means another action."""

    def parse_action(self, text):
        return (super().parse_action(text) + 1) % 4


class Crashing(Lamp):
    """An exception for what is not a number."""

    def parse_action(self, text):
        return int(text)


class LastMention(Lamp):
    """The last digit counts, wherever it stands."""

    def parse_action(self, text):
        digits = re.findall(r"[0-3]", text)
        if not digits or not text.strip():
            raise InvalidAction("say a number from 0 to 3")
        return int(digits[-1])


class FirstMention(Lamp):
    """The first digit counts, wherever it stands."""

    def parse_action(self, text):
        digits = re.findall(r"[0-3]", text)
        if not digits:
            raise InvalidAction("say a number from 0 to 3")
        return int(digits[0])


class Undressed(Lamp):
    """Reads nothing but the example's form."""

    def parse_action(self, text):
        try:
            return int(json.loads(text)["number"]) % 4
        except (ValueError, TypeError, KeyError, AttributeError):
            raise InvalidAction('say {"number": 3}') from None


class OtherWords(Lamp):
    """Says another action than the one that was done."""

    def say_action(self, action):
        return super().say_action((self.check_action(action) + 1) % 4)


class ArraysAreZero(Lamp):
    """What is no number is played as one."""

    def check_action(self, action):
        return int(action) if isinstance(action, int) else 0


class Unpicklable(Lamp):
    """Holds something that cannot travel."""

    def begin(self, task):
        super().begin(task)
        self.generator = (lamp for lamp in self.lamps)


class BeyondItsSpace(Lamp):
    """Numbers outside of the range that was promised."""

    def numbers(self):
        return super().numbers() + 1


class Overwriting(Lamp):
    """One array for all observations."""

    def numbers(self):
        self.shared = getattr(self, "shared", np.zeros(1))
        self.shared[:] = super().numbers()
        return self.shared


class Punishing(Lamp):
    """Rewards have the wrong sign."""

    def advance(self, action):
        outcome = super().advance(action)
        return outcome._replace(reward=-outcome.reward)


class SaysLittle(Lamp):
    """Words that are always the same."""

    def words(self):
        return "A lamp shows a number."


class SaysTheSeed(Lamp):
    """The seed stands in the words."""

    def words(self):
        return f"{super().words()} Task {self.task.seed}."


class ShowsTheSeed(Lamp):
    """The seed is one of the numbers."""

    def observed_fields(self):
        return (*super().observed_fields(), infraray.ObservedField("number", 1, "1", "number of the task"))

    def numbers(self):
        return np.array([*super().numbers(), self.task.seed], float)


class SeesFurther(Lamp):
    """The lamp after the next one can be read."""

    def words(self):
        return f"{super().words()} Then comes {self.lamps[min(self.played + 1, len(self.lamps) - 1)]}."


class Undocumented(Lamp):
    """No manual."""


@pytest.mark.parametrize(
    ("faulty", "test"),
    [
        (Unseeded, "test_equal_seeds_give_equal_episodes"),
        (SeedBlind, "test_different_seeds_give_different_tasks"),
        (HashOrdered, "test_other_processes_play_the_same_episodes"),
        (TooLowBound, "test_no_agent_beats_the_bound_on_any_task"),
        (BoundOutOfReach, "test_no_agent_beats_the_bound_wherever_parameters_may_lie"),
        (BoundForTheDefaults, "test_no_agent_beats_the_bound_wherever_parameters_may_lie"),
        (LyingExample, "test_forms_that_are_shown_are_understood"),
        (OtherMeaning, "test_text_does_what_the_native_action_does"),
        (Crashing, "test_default_takes_the_default_action"),
        (LastMention, "test_what_stands_beside_the_answer_never_counts"),
        (LastMention, "test_contradictory_answers_are_invalid"),
        (LastMention, "test_mark_that_cannot_be_read_is_invalid"),
        (FirstMention, "test_thoughts_never_count"),
        (FirstMention, "test_what_stands_beside_the_answer_never_counts"),
        (Undressed, "test_answer_stays_however_it_is_dressed"),
        (OtherWords, "test_every_native_action_can_be_said"),
        (ArraysAreZero, "test_numbers_of_programs_are_read_or_refused"),
        (Unpicklable, "test_pickled_environment_goes_on_as_the_original"),
        (BeyondItsSpace, "test_observations_stay_within_their_space"),
        (Overwriting, "test_observations_are_not_written_to_later"),
        (Punishing, "test_best_agent_earns_more_than_chance"),
        (SaysLittle, "test_words_tell_of_the_state"),
        (SaysTheSeed, "test_observations_do_not_hold_the_seed"),
        (ShowsTheSeed, "test_observations_do_not_hold_the_seed"),
        (SeesFurther, "test_observations_do_not_show_the_future"),
        (Undocumented, "test_manual_has_every_section_and_names_every_parameter_and_agent"),
    ],
)
def test_fault_of_a_scenario_fails_its_test(faulty, test, monkeypatch):
    _registrations.pop("tests/Lamp-v0")
    gymnasium.registry.pop("tests/Lamp-v0")
    infraray.register("tests/Lamp-v0", name="lamp", entry_point=faulty)
    monkeypatch.setenv("PYTHONHASHSEED", "random")
    suite = type("Faulty", (ScenarioConformance,), {"scenario": "lamp"})()
    claim = getattr(suite, test)
    fixtures = {name: monkeypatch for name in inspect.signature(claim).parameters}
    assert fixtures.keys() <= {"monkeypatch"}
    # An assertion, an exception that did not come, or what the fault itself raises.
    with pytest.raises((Exception, pytest.fail.Exception)):
        claim(**fixtures)


class Remembering(ScriptedAgent):
    """Reset does not forget."""

    def __init__(self):
        self.acted = 0

    def act(self, observation):
        self.acted += 1
        return self.acted // 7 % 4


class Meddling(Agent):
    """Writes into what it sees."""

    def act(self, observation):
        observation["numeric_observation"][:] = 9
        return 0


class Babbling(Agent):
    """No valid answer."""

    def act(self, observation):
        return "well"


@pytest.mark.parametrize(
    ("agent", "test"),
    [
        (Remembering, "test_reset_forgets_the_last_episode"),
        (Meddling, "test_observations_are_left_as_they_are"),
        (Babbling, "test_acts_validly_on_every_task"),
    ],
)
def test_fault_of_an_agent_fails_its_test(agent, test):
    spec = f"python:{__name__}:{agent.__name__}"
    suite = type("Faulty", (AgentConformance,), {"scenario": "lamp", "agent": spec})()
    with pytest.raises(AssertionError):
        getattr(suite, test)()
