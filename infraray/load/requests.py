"""The requests of a workload: prompts of exactly the drawn lengths, made once and stored on disk."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from infraray.errors import InfrarayError
from infraray.load import documents
from infraray.load.longbench import load_longbench
from infraray.load.tokenizer import TokenCounter
from infraray.load.workloads import Endpoint, Workload
from infraray.parameters import file_sha256

_ATTEMPTS = 100
"""Documents tried beyond twice the number needed, if no beginning has the drawn length."""

_NEAR = 48
"""Characters around the best cut that are searched for an exact one."""


@dataclass(frozen=True)
class Request:
    """One prompt and the requested output length.

    Args:
        prompt: the text; for endpoint ``chat``, the content of the single user message.
        prompt_tokens: the number of tokens a server counts for it, including chat template or special tokens.
        output_tokens: the number of requested tokens.
        document: the source of the text.
    """

    prompt: str
    prompt_tokens: int
    output_tokens: int
    document: str


@dataclass(frozen=True)
class RequestSet:
    """The measured requests, and those that warm up the server.

    Args:
        requests: the measured ones, in the order in which they are sent.
        warmup: requests with prompts from other documents.
        endpoint: the endpoint whose token counts the prompts were fitted to.
    """

    requests: tuple[Request, ...]
    warmup: tuple[Request, ...]
    endpoint: Endpoint

    @cached_property
    def sha256(self) -> str:
        """Hash of the content: equal hashes mean equal requests, byte for byte."""
        return hashlib.sha256("".join(self._lines()).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes JSON lines: a header with the hash, then one request per line. The file appears atomically."""
        head = {"endpoint": self.endpoint, "requests": len(self.requests), "sha256": self.sha256}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{threading.get_native_id()}")
        unfinished.write_text(json.dumps(head) + "\n" + "".join(self._lines()), encoding="utf-8")
        unfinished.replace(path)

    def _lines(self) -> Iterator[str]:
        for request in (*self.requests, *self.warmup):
            yield json.dumps({"endpoint": self.endpoint, **dataclasses.asdict(request)}, sort_keys=True) + "\n"


def load_requests(path: Path) -> RequestSet:
    """Reads what `RequestSet.save` wrote.

    Raises:
        InfrarayError: the file cannot be read, or its content has changed.
    """
    try:
        head, *lines = (json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line)
        requests = [
            Request(**{field.name: line[field.name] for field in dataclasses.fields(Request)}) for line in lines
        ]
        count, sha256, endpoint = head["requests"], head["sha256"], head["endpoint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InfrarayError(f"requests: {path}: cannot be read ({type(error).__name__}: {error})") from None
    loaded = RequestSet(tuple(requests[:count]), tuple(requests[count:]), endpoint)
    if loaded.sha256 != sha256:
        raise InfrarayError(f"requests: {path}: the content does not match its hash; delete the file to make it again")
    return loaded


def stored_requests(
    folder: Path, workload: Workload, seed: int, tokenizer: TokenCounter, longbench: str | Path | None = None
) -> RequestSet:
    """Reads the requests from ``folder`` if they exist there; otherwise makes and stores them.

    Takes the same arguments and raises the same errors as `make_requests`.
    """
    asked = {
        "input": [workload.shortest_input, workload.input_tokens],
        "output": [workload.shortest_output, workload.output_tokens],
        "count": [workload.num_requests, workload.warmup_requests],
        "endpoint": workload.endpoint,
        "seed": seed,
        "tokenizer": tokenizer.sha256,
        "documents": documents.VERSION if longbench is None else _fingerprint(Path(longbench)),
    }
    path = folder / f"requests-{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]}.jsonl"
    if not path.exists():
        make_requests(workload, seed, tokenizer, longbench).save(path)
    return load_requests(path)


def make_requests(
    workload: Workload, seed: int, tokenizer: TokenCounter, longbench: str | Path | None = None
) -> RequestSet:
    """Draws lengths and documents from the seed, and cuts each document to its length.

    Lengths are uniform on the whole numbers from ``length_ratio`` times the longest to the longest (InferenceBench,
    appendix A.3). A prompt is the beginning of its document, cut so that the server counts exactly the drawn number of
    tokens. They are counted on the cut text, since the tokens of a text's beginning need not be the first tokens of
    the text.

    Args:
        workload: lengths, counts and endpoint.
        seed: one of a `SeedPair`.
        tokenizer: counts the prompts' tokens.
        longbench: a local copy of LongBench v2; None takes generated documents (`documents`).

    Raises:
        InfrarayError: LongBench v2 cannot be read or holds too few documents, or the shortest
            prompt is shorter than the chat template.
    """
    random = np.random.default_rng([seed, 0x2E95])
    count = workload.num_requests + workload.warmup_requests
    inputs = random.integers(workload.shortest_input, workload.input_tokens, count, endpoint=True).tolist()
    outputs = random.integers(workload.shortest_output, workload.output_tokens, count, endpoint=True).tolist()
    bare = tokenizer.count_prompt("", workload.endpoint)
    if bare >= workload.shortest_input:
        raise InfrarayError(
            f"workload: input_tokens={workload.input_tokens}: the chat template and special tokens alone are {bare}; "
            f"ask for more than {math.ceil((bare + 1) / workload.length_ratio)}"
        )
    if longbench is None:
        candidates = _made_up(seed, workload.input_tokens, 2 * count + _ATTEMPTS)
    else:
        candidates = _drawn_from(load_longbench(longbench), random)
    requests: list[Request] = []
    for prompt_tokens, output_tokens in zip(inputs, outputs, strict=True):
        for name, text in candidates:
            prompt = fit_to_length(text, prompt_tokens, lambda text: tokenizer.count_prompt(text, workload.endpoint))
            if prompt is not None:
                requests.append(Request(prompt, prompt_tokens, output_tokens, name))
                break
        else:
            source = "the documents made up here" if longbench is None else f"LongBench v2 in {longbench}"
            raise InfrarayError(
                f"workload: num_requests={workload.num_requests}: {source} give {len(requests)} prompts of up to "
                f"{workload.input_tokens} tokens, but {count} are needed; lower num_requests or input_tokens"
            )
    return RequestSet(
        tuple(requests[: workload.num_requests]), tuple(requests[workload.num_requests :]), workload.endpoint
    )


def fit_to_length(text: str, tokens: int, count: Callable[[str], int]) -> str | None:
    """The beginning of a text that counts exactly ``tokens``; None if there is none.

    The count mostly rises with the length, but it may fall slightly where a longer text merges into fewer tokens, and
    skip a number where a character takes several tokens. So the cut is interpolated and then searched for nearby.
    """
    low, low_count = 0, count("")
    high = min(len(text), 8 * tokens)
    while (high_count := count(text[:high])) < tokens:
        if high == len(text):
            return None
        low, low_count, high = high, high_count, min(len(text), 2 * high)
    while high - low > 1 and tokens not in (low_count, high_count):
        middle = low + round((high - low) * (tokens - low_count) / (high_count - low_count))
        middle = min(max(middle, low + 1), high - 1)
        middle_count = count(text[:middle])
        if middle_count <= tokens:
            low, low_count = middle, middle_count
        else:
            high, high_count = middle, middle_count
    if tokens in (low_count, high_count):
        return text[: low if low_count == tokens else high]
    for cut in sorted(range(max(1, low - _NEAR), min(len(text), low + _NEAR)), key=lambda cut: abs(cut - low)):
        if count(text[:cut]) == tokens:
            return text[:cut]
    return None


def _made_up(seed: int, tokens: int, most: int) -> Iterator[tuple[str, str]]:
    """Generated documents of at least ``tokens`` tokens each, since a word has at least one."""
    for number in range(most):
        yield f"made-up {seed}/{number}", documents.write_document((seed, number), tokens)


def _drawn_from(corpus: dict[str, str], random: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Each document once, in the seed's order; the corpus is sorted, so the order of its files does not matter."""
    names = list(corpus)
    for index in random.permutation(len(names)):
        yield f"LongBench v2 {names[index]}", corpus[names[index]]


def _fingerprint(path: Path) -> Any:
    files = sorted(file for file in path.glob("**/*") if file.is_file()) if path.is_dir() else [path]
    return [[file.name, file_sha256(file)] for file in files]
