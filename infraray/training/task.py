"""One task for a policy under training: everything that its rollouts need to know, as one JSON text."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError

from infraray.agents.chat import ChatOptions
from infraray.environment import INVALID_PENALTY, Environment, InvalidActionPolicy
from infraray.errors import InfrarayError, refusal
from infraray.registration import find
from infraray.strict import StrictModel
from infraray.training.rewards import rewards

AGENT_NAME = "infraray"
"""The name by which verl finds our agent loop."""

TASK_KEY = "infraray"
"""Where a task stands in a row's ``extra_info``."""

MAX_STEPS = 32


class TrainingTask(StrictModel):
    """A seeded task, how the policy is asked, and what it is paid for. All rollouts of a group share it."""

    scenario: str = Field(description="the scenario's id or name")
    parameters: dict[str, Any] = Field(default={}, description="the scenario's parameters")
    level: int = Field(default=1, description="difficulty")
    seed: int = Field(ge=0, description="fixes the task")
    max_steps: int = Field(
        default=MAX_STEPS, ge=1, description="steps of an episode; a long one is trained in its first steps"
    )
    text: bool = Field(default=True, description="whether the state is told in words; otherwise in numbers")
    invalid_action: InvalidActionPolicy = Field(default="retry", description="what an invalid action does")
    invalid_penalty: float = Field(default=INVALID_PENALTY, description="what it costs with 'penalty'")
    chat: dict[str, Any] = Field(default={}, description="options of the chat agent: strategy, memory, max_tokens, ...")
    reward: str = Field(default="normalized", description="the name of the reward")
    unsafe_penalty: float = Field(default=0.0, ge=0, description="what an unsafe step costs, in units of the reward")

    @classmethod
    def parse_json(cls, text: str) -> TrainingTask:
        """The task that a text holds.

        Raises:
            InfrarayError: one line for every field that is wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise refusal(error, cls) from None

    def make_environment(self) -> Environment:
        """The environment that plays it.

        Raises:
            InfrarayError: the scenario or its parameters are wrong.
        """
        return find(self.scenario).environment_class()(
            **self.parameters,
            level=self.level,
            text=self.text,
            invalid_action=self.invalid_action,
            invalid_penalty=self.invalid_penalty,
            max_episode_steps=self.max_steps,
        )

    def chat_options(self) -> ChatOptions:
        """The options of the chat agent.

        Raises:
            InfrarayError: one line for every option that is unknown or wrong.
        """
        return ChatOptions.parse("chat", self.chat)

    def check(self) -> Environment:
        """Finds what is wrong before anything is played; returns the environment.

        Raises:
            InfrarayError: one line for everything that is.
        """
        self.chat_options()
        environment = self.make_environment()
        problem = environment.unscored("max_steps") or rewards[self.reward]().problem(environment)
        if problem is not None:
            raise InfrarayError(problem)
        return environment
