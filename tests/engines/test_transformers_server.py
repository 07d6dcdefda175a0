"""The reference server computes in one thread and with kernels that build nothing for a length, whoever asks."""

from __future__ import annotations

import concurrent.futures
import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines.in_process import SMALL_MODEL, ask, load_program, serving, url_of

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    program = load_program("transformers_server")
    with pytest.MonkeyPatch.context() as patch:
        # However busy the machine is.
        patch.setattr(program.openai_api, "WARM_UP_S", math.inf)
        patch.setattr(program.openai_api, "LONGEST_WARM_UP", 128)
        yield program


@pytest.fixture(scope="module")
def seen() -> list[tuple[int, bool, int]]:
    """For each step: the thread, whether cuDNN's attention may be taken, and the tokens that it reads."""
    return []


@pytest.fixture(scope="module")
def url(program: Any, seen: list[tuple[int, bool, int]]) -> Iterator[str]:
    import torch

    load = program.AutoModelForCausalLM.from_pretrained

    def loaded(*given: Any, **named: Any) -> Any:
        model = load(*given, **named)
        forward = model.forward

        def watched(tokens: Any, **more: Any) -> Any:
            seen.append((threading.get_ident(), torch.backends.cuda.cudnn_sdp_enabled(), tokens.shape[1]))
            return forward(tokens, **more)

        model.forward = watched
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program.AutoModelForCausalLM, "from_pretrained", loaded)
        with serving(program, lambda: program.Model(SMALL_MODEL, "float32", "cpu")) as server:
            yield url_of(server)


def test_all_connections_are_served_by_one_thread_without_cudnn(url: str, seen: list[tuple[int, bool, int]]) -> None:
    lengths = [read for _, _, read in seen if read > 1]
    assert {2, 4, 8, 16, 32, 64, 128} == set(lengths)  # Warm before anybody is answered.
    warm = len(seen)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda number: ask(url, stream=bool(number % 2)), range(16)))
    assert len(answers) == 16 and len(seen) == warm + 16 * 6
    threads, with_cudnn, _ = zip(*seen, strict=True)
    assert len(set(threads)) == 1 and threads[0] != threading.get_ident() and not any(with_cudnn)
