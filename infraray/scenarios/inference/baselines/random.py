"""Random search with the same budget as everybody else."""

from collections.abc import Iterator

from infraray.agents.agent import register_agent
from infraray.errors import InvalidAction
from infraray.scenarios.inference.baselines.measuring import MeasuringAgent
from infraray.scenarios.inference.proposals import complete
from infraray.space.values import Configuration


@register_agent("random", scenario="inference")
class RandomSearch(MeasuringAgent):
    """Measures distinct, uniformly drawn configurations and submits the best."""

    def proposals(self) -> Iterator[Configuration]:
        """Draws until nothing new turns up."""
        seen: set[str] = set()
        fruitless = 0
        while fruitless < 1000:
            drawn: dict[str, object] = {}
            for dimension in self.space.hyperparameters:
                if self.space.is_active(dimension.name, drawn):  # type: ignore[arg-type]
                    drawn[dimension.name] = dimension.at(float(self.random.random()))
            try:
                configuration = complete(drawn, self.space)
            except InvalidAction:
                fruitless += 1
                continue
            key = self.space.key(configuration)
            fruitless += key in seen
            if key not in seen:
                seen.add(key)
                yield configuration
