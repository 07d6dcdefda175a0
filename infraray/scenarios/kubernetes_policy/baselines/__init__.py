"""The scripted agents of kubernetes_policy, one per file."""

from infraray.scenarios.kubernetes_policy.baselines.constant import Constant
from infraray.scenarios.kubernetes_policy.baselines.expert import Expert

__all__ = ["Constant", "Expert"]
