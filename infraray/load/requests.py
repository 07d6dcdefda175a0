"""The requests of a workload: prompts of exactly the drawn lengths, made once and kept on disk."""

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
"""Documents beyond twice those needed that are tried where no beginning has the drawn length."""

_NEAR = 48
"""Characters around the best cut in which an exact one is looked for."""


@dataclass(frozen=True)
class Request:
    """One prompt and how much is asked for.

    Args:
        prompt: the text; with endpoint ``chat`` the content of the user's one message.
        prompt_tokens: what a server counts for it, chat template or special tokens included.
        output_tokens: tokens that are asked for.
        document: where the text is from.
    """

    prompt: str
    prompt_tokens: int
    output_tokens: int
    document: str


@dataclass(frozen=True)
class RequestSet:
    """The requests that are measured, and those that warm the server up.

    Args:
        requests: in the order in which they are sent.
        warmup: prompts of other documents.
        endpoint: which endpoint the prompts were fitted to.
    """

    requests: tuple[Request, ...]
    warmup: tuple[Request, ...]
    endpoint: Endpoint

    @cached_property
    def sha256(self) -> str:
        """The hash of the content: equal hashes are equal requests, byte by byte."""
        return hashlib.sha256("".join(self._lines()).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes JSON lines: a head with the hash, then a request each. The file appears as a whole."""
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
        InfrarayError: the file cannot be read, or its content is not what was written.
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
        raise InfrarayError(f"requests: {path}: the content does not match its hash; delete the file to make it anew")
    return loaded


def stored_requests(
    folder: Path, workload: Workload, seed: int, tokenizer: TokenCounter, longbench: str | Path | None = None
) -> RequestSet:
    """The requests from ``folder``, where they were made before, or made now and kept there.

    Arguments and errors are those of `make_requests`.
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

    Lengths are uniform on the whole numbers from ``length_ratio`` times the longest to the longest
    (InferenceBench, appendix A.3). The head of the document stays, and of it exactly so much that
    the server counts the drawn number of tokens: counted on the final text, since the tokens of a
    text's beginning need not be the first tokens of the text.

    Args:
        workload: lengths, counts and endpoint.
        seed: one of a `SeedPair`.
        tokenizer: counts the prompts' tokens.
        longbench: a local copy of LongBench v2; None takes documents that are made up (`documents`).

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
                f"{workload.input_tokens} tokens, needed are {count}; lower num_requests or input_tokens"
            )
    return RequestSet(
        tuple(requests[: workload.num_requests]), tuple(requests[workload.num_requests :]), workload.endpoint
    )


def fit_to_length(text: str, tokens: int, count: Callable[[str], int]) -> str | None:
    """The beginning of a text that counts exactly ``tokens``, or None where no beginning does.

    The count rises with the length, by and large: it may fall by a little where a longer text
    merges into fewer tokens, and jump over a number where a character takes several tokens. So
    the cut is interpolated, and then looked for in its neighbourhood.
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
    """Documents of at least ``tokens`` tokens each, since a word is at least one."""
    for number in range(most):
        yield f"made-up {seed}/{number}", documents.write_document((seed, number), tokens)


def _drawn_from(corpus: dict[str, str], random: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Each document once, in the seed's order; the corpus is sorted, so its files' order says nothing."""
    names = list(corpus)
    for index in random.permutation(len(names)):
        yield f"LongBench v2 {names[index]}", corpus[names[index]]


def _fingerprint(path: Path) -> Any:
    files = sorted(file for file in path.glob("**/*") if file.is_file()) if path.is_dir() else [path]
    return [[file.name, file_sha256(file)] for file in files]
