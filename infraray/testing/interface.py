"""Tests of what a scenario exposes: Gymnasium's interface, its manual, its parameters and its texts."""

from __future__ import annotations

import inspect
import re
import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from infraray.agents import registered_agents
from infraray.environment import TEXT_CHARACTERS, Environment
from infraray.errors import InfrarayError
from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Draws, play

MANUAL_SECTIONS = (
    "Description",
    "Observation",
    "Actions",
    "Reward",
    "Parameters",
    "Episode end",
    "Baselines",
    "Source",
)


class InterfaceConformance(ScenarioCase):
    """A scenario behaves as Gymnasium's users and readers of its manual expect."""

    def test_gymnasium_finds_no_fault(self) -> None:
        """`check_env` passes without a warning, for either way of making the environment, with and without text."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made = gymnasium.make(self.registration().id, **self.small_arguments())
            check_env(made.unwrapped)
            made.close()
            environment = self.make(text=not self.make().layout.size)
            check_env(environment)
            environment.close()

    def test_gymnasium_plays_an_episode_without_a_warning(self) -> None:
        """Gymnasium's own checking wrappers accept native actions and text."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            wrapped = gymnasium.make(self.registration().id, **self.small_arguments(), render_mode="ansi")
            inner = wrapped.unwrapped
            assert isinstance(inner, Environment)
            for said in (False, True):
                draw = Draws(inner, 0)
                wrapped.reset(seed=0)
                over = False
                while not over:
                    action = draw()
                    _, _, terminated, truncated, _ = wrapped.step(inner.say_action(action) if said else action)
                    over = terminated or truncated
                assert isinstance(wrapped.render(), str)
            wrapped.close()

    def test_observations_stay_within_their_space(self) -> None:
        """Every observation of an episode is a member of the space, with text and with numbers alone."""
        for text in (True, False) if self.make().layout.size else (True,):
            environment = self.make(text=text)
            draw = Draws(environment, 1)
            observation, _ = environment.reset(seed=self.seeds[0])
            over = False
            while not over:
                assert environment.observation_space.contains(observation), observation
                observation, _, terminated, truncated, _ = environment.step(draw())
                over = terminated or truncated
            assert environment.observation_space.contains(observation), observation

    def test_texts_are_printable(self) -> None:
        """What a language model reads is text without anything that a terminal or JSON would stumble over."""
        environment = self.make()
        for observation, *_ in play(environment, Draws(environment, 2), self.seeds[0]):
            for name in ("task_description", "available_actions", "text_observation"):
                assert observation[name].strip(), f"{name} is empty"
                assert set(observation[name]) <= set(TEXT_CHARACTERS), f"{name} holds unprintable characters"

    def test_manual_has_every_section_and_names_every_parameter_and_agent(self) -> None:
        """The environment's docstring is its manual page."""
        environment_class = self.registration().environment_class()
        manual = inspect.getdoc(environment_class) or ""
        sections = re.findall(r"^## (.+)$", manual, re.MULTILINE)
        assert tuple(sections) == MANUAL_SECTIONS
        words = set(re.findall(r"\w+", manual))
        assert set(environment_class.Parameters.model_fields) <= words
        assert set(environment_class.presets) <= words
        assert {field.name for field in self.make().layout.fields} <= words
        agents = registered_agents(self.registration().name)
        baselines = str(self.registration().baselines)
        assert {name for name, found in agents.items() if found.__module__.startswith(baselines)} <= words

    def test_every_parameter_has_a_unit_and_a_description(self) -> None:
        """Parameters are made with `infraray.parameter`."""
        for name, field in self.registration().environment_class().Parameters.model_fields.items():
            extra = field.json_schema_extra
            assert isinstance(extra, dict) and isinstance(extra.get("unit"), str), f"{name} has no unit"
            assert field.description, f"{name} has no description"

    def test_every_observed_number_has_a_unit_and_a_description(self) -> None:
        """Stored trajectories carry both."""
        for field in self.make().layout.fields:
            assert field.unit and field.description, field.name

    def test_presets_and_levels_can_be_made(self) -> None:
        """Every preset and level gives a task."""
        environment_class = self.registration().environment_class()
        for preset in environment_class.presets:
            environment_class(preset=preset).reset(seed=0)
        for level in environment_class.levels:
            environment_class(level=level).reset(seed=0)

    def test_unknown_parameter_gets_one_line(self) -> None:
        """A misspelt parameter is named, and fixing it takes no internal traceback."""
        with pytest.raises(InfrarayError, match="no_such_parameter") as caught:
            self.make(no_such_parameter=1)
        assert "\n" not in str(caught.value)

    def test_step_before_reset_and_after_the_end_gets_one_line(self) -> None:
        """Both errors say that a reset is missing."""
        environment = self.make()
        draw = Draws(environment, 0)
        with pytest.raises(InfrarayError, match="reset"):
            environment.step(draw())
        play(environment, draw, self.seeds[0])
        with pytest.raises(InfrarayError, match="reset"):
            environment.step(draw())
