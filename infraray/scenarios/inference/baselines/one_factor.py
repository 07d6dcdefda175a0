"""One factor at a time, as a careful person would do by hand.

Changes one setting after another, trying all of its other values, and keeps the best so far before going to the next.
Blind to settings that only help together.
"""

from collections.abc import Iterator

from infraray.agents.agent import register_agent
from infraray.errors import InvalidAction
from infraray.scenarios.inference.baselines.measuring import MeasuringAgent
from infraray.scenarios.inference.proposals import complete
from infraray.space.values import Configuration


@register_agent("one_factor", scenario="inference")
class OneFactor(MeasuringAgent):
    """Coordinate search from the defaults, in the order of the space."""

    def proposals(self) -> Iterator[Configuration]:
        """The defaults, then every other value of each setting with the best of the rest."""
        yield self.space.default
        for dimension in self.space.hyperparameters:
            for value in dimension.values:
                changed = {**self._still_active(dimension.name, value), dimension.name: value}
                if value == self.best.get(dimension.name):
                    continue
                try:
                    yield complete(changed, self.space)
                except InvalidAction:
                    continue

    def _still_active(self, name: str, value: object) -> dict[str, object]:
        """The best so far, without settings that have no meaning with the new value."""
        kept: dict[str, object] = {}
        for dimension in self.space.hyperparameters:
            given = value if dimension.name == name else self.best.get(dimension.name)
            if self.space.is_active(dimension.name, kept) and given is not None:  # type: ignore[arg-type]
                kept[dimension.name] = given
        return {key: setting for key, setting in kept.items() if key != name}
