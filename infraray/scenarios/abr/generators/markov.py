"""Markov-modulated throughput, as Pensieve's authors generate their synthetic traces.

States are mean throughputs spread evenly over the range. In each second the state changes with a fixed probability by
a geometrically distributed number of states up or down (reflected at the ends), so nearby states are more likely than
distant ones. The second's throughput is drawn
from a normal distribution around the state's mean with the state's variance, which is itself
uniform from 0.05 to 0.5 (Mbit/s)^2, and kept within the range (Mao, Netravali and Alizadeh, 2017).
"""

from __future__ import annotations

import numpy as np

from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.trace import Trace

VARIANCES = (0.05, 0.5)
"""Range of a state's variance in (Mbit/s)^2."""


def generate(parameters: AdaptiveBitrateParameters, random: np.random.Generator) -> Trace:
    """A trace of one-second segments."""
    low, high, states = parameters.lowest_mbps, parameters.highest_mbps, parameters.markov_states
    seconds = max(1, round(parameters.trace_length_s))
    means = np.linspace(low, high, states) if states > 1 else np.array([(low + high) / 2])
    deviations = np.sqrt(random.uniform(*VARIANCES, states))
    changes = random.random(seconds) < parameters.switch_probability
    moves = random.geometric(0.5, seconds) * random.choice((-1, 1), seconds)
    walk = random.integers(states) + np.cumsum(np.where(changes, moves, 0))
    # A walk that is reflected at both ends is the free walk folded onto the states.
    folded = np.mod(walk, max(1, 2 * (states - 1)))
    state = np.minimum(folded, 2 * (states - 1) - folded)
    rates = means[state] + deviations[state] * random.standard_normal(seconds)
    return Trace.of(np.ones(seconds), np.clip(rates, low, high))
