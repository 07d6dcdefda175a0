"""The classical policies of load balancing, one per file."""

from infraray.scenarios.load_balance.baselines.constant import Constant
from infraray.scenarios.load_balance.baselines.earliest_completion import EarliestCompletion
from infraray.scenarios.load_balance.baselines.join_shortest_queue import JoinShortestQueue
from infraray.scenarios.load_balance.baselines.least_work_left import LeastWorkLeft
from infraray.scenarios.load_balance.baselines.power_of_two import PowerOfTwo
from infraray.scenarios.load_balance.baselines.round_robin import RoundRobin
from infraray.scenarios.load_balance.baselines.sita_e import SitaE
from infraray.scenarios.load_balance.baselines.weighted_random import WeightedRandom

__all__ = [
    "Constant",
    "EarliestCompletion",
    "JoinShortestQueue",
    "LeastWorkLeft",
    "PowerOfTwo",
    "RoundRobin",
    "SitaE",
    "WeightedRandom",
]
