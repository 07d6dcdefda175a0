"""Drawn requests: drifting Zipf popularity, interspersed scans, and sizes.

Breslau, Cao, Fan, Phillips and Shenker (INFOCOM 1999) found that web requests follow Zipf's law with exponents of 0.6
to 0.9; real traces add scans and drift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.caching.parameters import CachingParameters


def draw_zipf(
    parameters: CachingParameters, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Requested objects and their sizes in bytes, each of shape ``(num_requests,)``."""
    count, objects = parameters.num_requests, parameters.num_objects
    in_scan = _scans(parameters, random)
    weights = np.arange(1, objects + 1) ** -parameters.zipf_exponent
    cumulative = np.cumsum(weights)
    ranks = np.searchsorted(cumulative, random.random(count) * cumulative[-1], side="right")
    sizes = _draw_sizes(parameters, random, objects)
    object_of_rank = np.arange(objects)
    keys = np.empty(count, np.int64)
    interval = parameters.drift_interval or count
    for start in range(0, count, interval):
        if start:
            moved = random.choice(objects, round(parameters.drift_share * objects), replace=False)
            object_of_rank[moved] = object_of_rank[random.permutation(moved)]
        keys[start : start + interval] = object_of_rank[ranks[start : start + interval]]
    # Objects of scans are numbered after the others; each is requested once.
    scanned = int(in_scan.sum())
    keys[in_scan] = objects + np.arange(scanned)
    scan_sizes = random.permutation(_draw_sizes(parameters, random, scanned))
    return keys, np.concatenate([sizes, scan_sizes])[keys]


def _scans(parameters: CachingParameters, random: np.random.Generator) -> NDArray[np.bool_]:
    """Which requests belong to scans: runs of ``scan_length`` that start at random requests outside other scans."""
    in_scan = np.zeros(parameters.num_requests, np.bool_)
    share, length = parameters.scan_share, parameters.scan_length
    if share == 0:
        return in_scan
    # A mean gap of length * (1 - share) / share between scans yields the desired share.
    start_chance = 1 / (1 + length * (1 - share) / share)
    position = int(random.geometric(start_chance)) - 1
    while position < len(in_scan):
        in_scan[position : position + length] = True
        position += length + int(random.geometric(start_chance)) - 1
    return in_scan


def _draw_sizes(parameters: CachingParameters, random: np.random.Generator, objects: int) -> NDArray[np.int64]:
    """Sizes in bytes of the objects in order of popularity, shape ``(objects,)``.

    ``size_correlation`` is that of a Gaussian copula between size and popularity.
    """
    median = parameters.median_size_bytes
    if parameters.sizes == "equal":
        return np.full(objects, median, np.int64)
    if parameters.sizes == "lognormal":
        drawn = random.lognormal(np.log(median), parameters.lognormal_sigma, objects)
    else:
        shape = parameters.pareto_shape
        drawn = (random.pareto(shape, objects) + 1) * (median / 2 ** (1 / shape))
    sizes = np.sort(np.clip(drawn, parameters.min_size_bytes, parameters.max_size_bytes).astype(np.int64))
    correlation = parameters.size_correlation
    popularity = np.sort(random.standard_normal(objects))[::-1]
    mixed = correlation * popularity + np.sqrt(1 - correlation**2) * random.standard_normal(objects)
    return sizes[np.argsort(np.argsort(mixed))]
