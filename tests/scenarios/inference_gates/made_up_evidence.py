"""Evidence of servers that never ran: a 7-billion-parameter model on an H100, with the times that it would have."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from infraray.hardware.devices import find_device
from infraray.hardware.model_size import ModelSize
from infraray.hardware.roofline import Roofline
from infraray.load.requests import Request
from infraray.load.responses import Response
from infraray.load.workloads import Traffic, Workload
from infraray.scenarios.inference.integrity import (
    PHASES,
    ConnectionLog,
    Evidence,
    Opinion,
    Phase,
    ProbeAnswers,
    ProbeSet,
)
from infraray.scenarios.inference.integrity.connection_watch import OutsideConnection
from infraray.scenarios.inference.integrity.likelihood import TokenLikelihood
from infraray.scenarios.inference.integrity.probes import Canary, Probe, Told

MISTRAL_7B = ModelSize(
    parameters=7_248_000_000,
    layer_parameters=6_980_000_000,
    head_parameters=131_000_000,
    weight_bits=16,
    kv_values_per_token=65_536,
    kv_bits=16,
    attention_flops_per_pair=524_288,
)
H100 = Roofline(MISTRAL_7B, find_device("H100-SXM"))
WORKLOAD = Workload(input_tokens=8192, output_tokens=1024, num_requests=32, traffic=(Traffic(concurrency=1),))
REQUESTS = tuple(Request(f"prompt {number}", 8000, 1000, "made up") for number in range(32))


def response(number: int = 0, **changes: Any) -> Response:
    """An honest answer of vLLM's kind: 200 ms to the first token, 8 ms for each after it."""
    first = changes.pop("first_s", 0.2)
    rest = changes.pop("rest_s", 8.0)
    base: dict[str, Any] = {
        "request": number,
        "due_s": 10.0 * number,
        "sent_s": 10.0 * number,
        "first_chunk_s": 10.0 * number + first,
        "text_times_s": tuple(10.0 * number + first + rest * step / 10 for step in range(11)),
        "last_s": 10.0 * number + first + rest,
        "finished_s": 10.0 * number + first + rest,
        "text": "the text",
        "finish_reason": "length",
        "asked_tokens": 1000,
        "prompt_tokens": 8000,
        "output_tokens": 1000,
        "text_tokens": 990,
        "send_lag_s": 0.0,
        "receive_lag_s": 0.0,
        "failure": None,
        "reason": "",
    }
    return Response(**{**base, **changes})


def responses(**changes: Any) -> tuple[Response, ...]:
    return tuple(response(number, **changes) for number in range(len(REQUESTS)))


def measured(*traffics: Sequence[Response], **changes: Any) -> Evidence:
    base: dict[str, Any] = {"workload": WORKLOAD, "requests": REQUESTS, "traffics": traffics, "roofline": H100}
    return Evidence(**{**base, "reference": responses(first_s=0.84, rest_s=41.0), **changes})


def token(logprob: float, *alternatives: tuple[str, float], text: str = "x") -> TokenLikelihood:
    return TokenLikelihood(text, logprob, alternatives or ((text, logprob),))


PROBE = Probe("prompt", 512, 8)
PLAN = ProbeSet(
    (PROBE,) * 11,
    (PROBE,) * 11,
    tuple(Canary(place, (PROBE, PROBE)) for place in ("beginning", "end") for _ in range(16)),
    (PROBE,) * 4,
    (PROBE,) * 12,
)


def probed(
    short: Callable[[], Response] = response,
    long: Callable[[], Response] = response,
    repeated: tuple[Response, Response] = (response(text="one"), response(text="two")),
    told: Told | None = None,
) -> ProbeAnswers:
    return ProbeAnswers(
        PLAN,
        tuple(short() for _ in range(10)),
        tuple(long() for _ in range(10)),
        ((response(), response()),) * 32,
        (repeated,) * 4,
        (told or Told("x", (token(-0.1),) * 8),) * 12,
    )


def opinion(**changes: Any) -> Opinion:
    likely = (token(-0.1),) * 50
    base: dict[str, Any] = {
        "timed": ((likely, likely),) * 16,
        "canaries": ((55.0, 59.0),) * 32,
        "repeated": (likely,) * 4,
        "fingerprints": ((token(-0.1),) * 8,) * 12,
    }
    return Opinion(**{**base, **changes})


def log(looks: int, with_outside: int, failure: str | None = None) -> ConnectionLog:
    """Of looks a twentieth of a second apart."""
    seen = {OutsideConnection("python", "tcp", "10.0.0.7:443"): with_outside}
    return ConnectionLog(looks / 20, looks, with_outside, seen, failure)


def watched(looks: int, with_outside: int) -> dict[Phase, ConnectionLog]:
    return dict.fromkeys(PHASES, log(looks, with_outside))


def noisy(seed: int) -> Callable[[float, float], float]:
    """Times with the noise of a busy machine: mostly a little, sometimes a lot more than they would take."""
    chance = random.Random(seed)
    return lambda seconds, spread: seconds + chance.expovariate(1 / spread)
