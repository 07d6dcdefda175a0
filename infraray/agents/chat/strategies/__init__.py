"""Strategies: ways to lead a model from an observation to an action. The index, as flat data by name."""

from infraray.agents.chat.strategies.chain_of_thought import ChainOfThought
from infraray.agents.chat.strategies.few_shot import FewShot
from infraray.agents.chat.strategies.react import ReAct
from infraray.agents.chat.strategies.strategy import Strategy, register_strategy, strategies
from infraray.agents.chat.strategies.structured import Structured
from infraray.agents.chat.strategies.zero_shot import ZeroShot

register_strategy("zero_shot", ZeroShot)
register_strategy("few_shot", FewShot)
register_strategy("chain_of_thought", ChainOfThought)
register_strategy("cot", ChainOfThought)
register_strategy("react", ReAct)
register_strategy("structured", Structured)

__all__ = ["Strategy", "register_strategy", "strategies"]
