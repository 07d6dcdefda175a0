"""The reference server computes in one thread and with kernels that build nothing for a length, whoever asks."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import json
import math
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine

SERVER = Path(__file__).parents[2] / "infraray" / "engines" / "transformers_server.py"


@pytest.fixture(scope="module")
def server() -> Any:
    """The module, which its environment knows by its path alone."""
    spec = importlib.util.spec_from_file_location("reference_server", SERVER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # However busy the machine is.
    module.WARM_UP_S, module.LONGEST_WARM_UP = math.inf, 128
    return module


@pytest.fixture(scope="module")
def seen(server: Any) -> list[tuple[int, bool, int]]:
    """For each step: the thread, whether cuDNN's attention may be taken, and the tokens that it reads."""
    return []


@pytest.fixture(scope="module")
def url(server: Any, model: str, seen: list[tuple[int, bool, int]]) -> Iterator[str]:
    import torch

    served = server.Server(("127.0.0.1", 0), server.Handler)
    server.Handler.worker = concurrent.futures.ThreadPoolExecutor(1)
    load = server.AutoModelForCausalLM.from_pretrained

    def loaded(*given: Any, **named: Any) -> Any:
        model = load(*given, **named)
        forward = model.forward

        def watched(tokens: Any, **more: Any) -> Any:
            seen.append((threading.get_ident(), torch.backends.cuda.cudnn_sdp_enabled(), tokens.shape[1]))
            return forward(tokens, **more)

        model.forward = watched
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.AutoModelForCausalLM, "from_pretrained", loaded)
        server.Handler.model = server.Handler.worker.submit(server.make_model, model, "float32", "cpu").result()
    server.Handler.served_name = model
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}/v1"
    served.shutdown()
    thread.join()
    served.server_close()
    server.Handler.worker.shutdown()


def ask(url: str, **fields: Any) -> str:
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 6, "ignore_eos": True, **fields}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def test_all_connections_are_served_by_one_thread_without_cudnn(url: str, seen: list[tuple[int, bool, int]]) -> None:
    lengths = [read for _, _, read in seen if read > 1]
    assert {2, 4, 8, 16, 32, 64, 128} == set(lengths)  # Warm before anybody is answered.
    warm = len(seen)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda number: ask(url, stream=bool(number % 2)), range(16)))
    assert len(answers) == 16 and len(seen) == warm + 16 * 6
    threads, with_cudnn, _ = zip(*seen, strict=True)
    assert len(set(threads)) == 1 and threads[0] != threading.get_ident() and not any(with_cudnn)


def test_every_token_has_a_chunk_of_its_own(url: str) -> None:
    """Also those that leave no text: when they came is all that tells when the prompt had been read."""
    told = ask(url, stream=True, max_tokens=20)
    events = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: {")]
    assert len(events) == 1 + 20 + 1  # the role, the tokens, the end


def test_a_wrong_request_is_one_line_and_the_next_is_answered(url: str) -> None:
    for wrong in ({"temperature": -1}, {"messages": []}, {"max_tokens": 1 << 29}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, **wrong)
        with refused.value as error:
            assert error.code == 400 and "\n" not in json.load(error)["error"]["message"]
    assert "chat.completion" in ask(url)
