"""Workloads by name: the four scenarios of InferenceBench (section 3.2; appendix A.3, Table 7).

Each stands here also in two shorter forms that keep its shape.
"""

from __future__ import annotations

from typing import Any


def scaled(preset: dict[str, Any], lengths: int, requests: int) -> dict[str, Any]:
    """A shorter form of a preset: token counts divided by ``lengths``, requests by ``requests``.

    The shape stays the same: the ratio of input to output length, of each traffic's concurrency to the number of
    requests, and of each rate to what its concurrency can serve, which grows with the concurrency and falls with the
    length. Sequential traffic stays sequential; concurrent traffic stays at least two at a time.
    """
    traffic = [
        {
            **one,
            "concurrency": min(one["concurrency"], max(2, one["concurrency"] // requests)),
            **({"rate": one["rate"] * lengths / requests} if "rate" in one else {}),
        }
        for one in preset["traffic"]
    ]
    return {
        **preset,
        "input_tokens": preset["input_tokens"] // lengths,
        "output_tokens": preset["output_tokens"] // lengths,
        "num_requests": preset["num_requests"] // requests,
        "traffic": traffic,
    }


_INFERENCEBENCH: dict[str, dict[str, Any]] = {
    "A": {
        "input_tokens": 8192,
        "output_tokens": 1024,
        "num_requests": 128,
        "traffic": [{"arrivals": "burst", "concurrency": 1}],
        "objective": "ttft",
    },
    "B": {
        "input_tokens": 1024,
        "output_tokens": 8192,
        "num_requests": 64,
        "traffic": [{"arrivals": "burst", "concurrency": 1}],
        "objective": "tpot",
    },
    "C": {
        "input_tokens": 1024,
        "output_tokens": 1024,
        "num_requests": 256,
        "traffic": [
            {"arrivals": "burst", "concurrency": 64},
            {"arrivals": "poisson", "rate": 32.0, "concurrency": 32},
            {"arrivals": "constant", "rate": 16.0, "concurrency": 16},
        ],
        "objective": "request_throughput",
    },
    "D": {
        "input_tokens": 4096,
        "output_tokens": 2048,
        "num_requests": 96,
        "traffic": [{"arrivals": "burst", "concurrency": 4}],
        "objective": "balanced",
    },
}

PRESETS: dict[str, dict[str, Any]] = {
    **_INFERENCEBENCH,
    **{f"{name}-quick": scaled(preset, 4, 8) for name, preset in _INFERENCEBENCH.items()},
    **{f"{name}-cpu": scaled(preset, 16, 16) for name, preset in _INFERENCEBENCH.items()},
}
"""A prefill, B decode, C throughput, D balanced, as published; ``-quick`` takes minutes on a GPU,
``-cpu`` takes seconds to minutes with a small model on a few cores."""
