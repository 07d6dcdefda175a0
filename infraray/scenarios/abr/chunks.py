"""Chunk sizes: drawn from a variable-bitrate generator or read from a file."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from infraray.errors import InfrarayError
from infraray.file_content import parsed_once
from infraray.observation import NEVER
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.trace_files import numbered_lines

LARGEST_BYTES = 1e11


def chunk_sizes(parameters: AdaptiveBitrateParameters, seed: int) -> NDArray[np.float64]:
    """Sizes in Mbit of a task's chunks at each quality, shape ``(num_chunks, qualities)``.

    Generated sizes are log-normal around bitrate times playing time. A chunk's complexity moves
    all its qualities together: their logarithms have correlation ``size_correlation``.

    Raises:
        InfrarayError: the video's file cannot be read or does not fit the qualities.
    """
    shape = parameters.num_chunks, len(parameters.bitrates_kbps)
    if parameters.video is not None:
        return np.resize(load_video(parameters.video, shape[1]), shape)
    random = np.random.default_rng([seed, 0x51])
    sigma, shared = parameters.size_variation, parameters.size_correlation
    complexity = random.standard_normal((shape[0], 1))
    own = random.standard_normal(shape)
    deviation = math.sqrt(shared) * complexity + math.sqrt(1 - shared) * own
    return np.array(parameters.bitrates_mbps) * parameters.chunk_s * np.exp(sigma * deviation - sigma * sigma / 2)


def largest_chunk(parameters: AdaptiveBitrateParameters) -> float:
    """Mbit that a chunk exceeds with a probability of at most `NEVER`; the largest allowed in a video's file."""
    if parameters.video is not None:
        return LARGEST_BYTES * 8 / 1e6
    sigma = parameters.size_variation
    largest = parameters.bitrates_mbps[-1] * parameters.chunk_s
    return largest * math.exp(sigma * NormalDist().inv_cdf(1 - NEVER) - sigma * sigma / 2)


@parsed_once("abr", keep=8)
def load_video(name: str, content: bytes, qualities: int) -> NDArray[np.float64]:
    """Reads one line per chunk with its bytes at each quality, lowest first, from ``load_video(path, qualities)``.

    Returns Mbit, shape ``(chunks, qualities)``.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    rows: list[list[float]] = []
    for number, columns in numbered_lines(name, content):
        if len(columns) != qualities:
            raise InfrarayError(f"{name}:{number}: {len(columns)} sizes; bitrates_kbps asks for {qualities}")
        try:
            row = [float(column) for column in columns]
        except ValueError:
            raise InfrarayError(f"{name}:{number}: {' '.join(columns)[:60]!r} holds more than numbers") from None
        if not all(1 <= size <= LARGEST_BYTES for size in row):
            raise InfrarayError(f"{name}:{number}: sizes must be from 1 to {LARGEST_BYTES:.0e} bytes")
        rows.append(row)
    if not rows:
        raise InfrarayError(f"{name}: holds no chunks")
    return np.array(rows) * (8 / 1e6)


def delay_factors(parameters: AdaptiveBitrateParameters, seed: int) -> NDArray[np.float64]:
    """The factor on each chunk's delay, shape ``(num_chunks,)``: the same for every agent on the task."""
    if not parameters.delay_noise:
        return np.ones(parameters.num_chunks)
    random = np.random.default_rng([seed, 0xDE])
    return random.uniform(1 - parameters.delay_noise, 1 + parameters.delay_noise, parameters.num_chunks)
