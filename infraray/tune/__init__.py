"""Search: what measures configurations, the searchers that propose them, and the studies that they compete in."""

from infraray.tune.measured import Measured, MeasuredObjective, MeasurementFailed
from infraray.tune.objective import Objective, SearchRequest

__all__ = ["Measured", "MeasuredObjective", "MeasurementFailed", "Objective", "SearchRequest"]
