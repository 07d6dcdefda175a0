"""The engine's defaults, which every other agent has to beat."""

from collections.abc import Iterator

from infraray.agents.agent import register_agent
from infraray.scenarios.inference.baselines.measuring import MeasuringAgent
from infraray.space.values import Configuration


@register_agent("defaults", scenario="inference")
class Defaults(MeasuringAgent):
    """Submits the defaults without measuring anything."""

    def proposals(self) -> Iterator[Configuration]:
        """None."""
        return iter(())
