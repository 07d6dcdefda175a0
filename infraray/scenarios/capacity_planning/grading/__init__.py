"""Runs an agent's code in isolation and says whether what came of it is right and safe."""

from infraray.scenarios.capacity_planning.grading.grader import Grader, Verdict

__all__ = ["Grader", "Verdict"]
