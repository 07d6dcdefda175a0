"""The searchers, one a file: random, TPE, BOHB and SMAC behind one interface."""

from infraray.tune.searchers.registry import find_searcher, make_searcher, register_searcher, registered_searchers
from infraray.tune.searchers.searcher import Proposal, Searcher

__all__ = ["Proposal", "Searcher", "find_searcher", "make_searcher", "register_searcher", "registered_searchers"]
