"""Search: what measures configurations, the searchers that propose them, and the studies that they compete in."""

from infraray.tune.objective import Measurement, Objective, SearchRequest

__all__ = ["Measurement", "Objective", "SearchRequest"]
