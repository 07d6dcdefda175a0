"""What every topology must keep to, one constraint a file."""

from infraray.scenarios.capacity_planning.constraints.constraint import Violation
from infraray.scenarios.capacity_planning.constraints.violations import CONSTRAINTS, violations, violations_after

__all__ = ["CONSTRAINTS", "Violation", "violations", "violations_after"]
