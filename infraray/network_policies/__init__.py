"""Kubernetes NetworkPolicies on paper: what they permit according to the documented semantics of version 1.

Plain manifests (dicts) become typed values, and `PolicyEvaluator` says who may connect to whom. It knows nothing of any
cluster's implementation, so that it is right for another reason than a kernel or a controller is.
"""

from infraray.network_policies.coverage import Coverage, kinds_of
from infraray.network_policies.evaluator import PolicyEvaluator
from infraray.network_policies.generator import Change, PolicyCase, draw_case
from infraray.network_policies.pods import ContainerPort, Namespace, Pod
from infraray.network_policies.policies import IPBlock, NetworkPolicy, Peer, PolicyPort, Rule
from infraray.network_policies.selectors import LabelSelector, Requirement
from infraray.network_policies.table import PermissionTables

__all__ = [
    "Change",
    "ContainerPort",
    "Coverage",
    "IPBlock",
    "LabelSelector",
    "Namespace",
    "NetworkPolicy",
    "Peer",
    "PermissionTables",
    "Pod",
    "PolicyCase",
    "PolicyEvaluator",
    "PolicyPort",
    "Requirement",
    "Rule",
    "draw_case",
    "kinds_of",
]
