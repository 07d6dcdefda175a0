"""The reference server, and every cheat that we know, each behind a path of its own.

    python -P cheating_server.py --model MODEL --other-model SMALLER --upstream URL --port PORT

``http://127.0.0.1:PORT/fake_first_chunk/v1`` sends a chunk before it reads the prompt, and so on;
``/honest/v1`` is the reference server itself.
"""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import importlib.util
import json
import random
import re
import sys
import urllib.parse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

_SPEC = importlib.util.spec_from_file_location(
    "transformers_server", Path(__file__).parents[3] / "infraray" / "engines" / "servers" / "transformers_server.py"
)
assert _SPEC is not None and _SPEC.loader is not None
honest = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = honest
_SPEC.loader.exec_module(honest)
protocol = honest.openai_api

CANNED = "The report describes the system and its parts in some detail before it turns to the results. ".split()
Piece = protocol.Piece


class Cheat(honest.Model):
    """Shares everything with the honest model but what it does."""

    def __init__(self, model: Any) -> None:
        self.__dict__ = model.__dict__

    def canned(self, max_tokens: int) -> Iterator[Piece]:
        ids = self.tokenizer(" ".join(CANNED * max_tokens)).input_ids[:max_tokens]
        for count in range(1, max_tokens + 1):
            yield Piece(self.tokenizer.decode([ids[count - 1]]), count, None)
        yield Piece("", max_tokens, "length")


class CannedText(Cheat):
    """Always says the same."""

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        return self.canned(sampling.max_tokens)


class ShuffledText(Cheat):
    """Says other words each time."""

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        pieces = list(self.canned(sampling.max_tokens))
        words = [piece.text for piece in pieces]
        random.shuffle(words)
        return iter([piece._replace(text=word) for word, piece in zip(words, pieces, strict=True)])


class QuestionsOnly(Cheat):
    """Answers the quality gate's questions with the model, and all else with canned text."""

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        if "Options:" in self.tokenizer.decode(prompt):
            return super().text(prompt, sampling)
        return self.canned(sampling.max_tokens)


class OtherModelUnlessAsked(Cheat):
    """Takes the model only where log-probabilities are asked for."""

    other: Any

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        if sampling.top_logprobs is None:
            return self.other.text(prompt, sampling)
        return super().text(prompt, sampling)


class InflatedUsage(Cheat):
    """Generates half and counts double."""

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        half = dataclasses.replace(sampling, max_tokens=max(1, sampling.max_tokens // 2))
        for piece in super().text(prompt, half):
            yield piece._replace(so_far=sampling.max_tokens if piece.reason == "length" else 2 * piece.so_far)


class EarlyStop(Cheat):
    """Ends whenever the model would, whatever was asked."""

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        return super().text(
            prompt, dataclasses.replace(sampling, ignore_eos=False, max_tokens=sampling.max_tokens // 2)
        )


class SilentProbes(Cheat):
    """Says nothing at what only the gates ask, questions and codes aside, as if the model had nothing to say."""

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        if sampling.max_tokens == 8:
            return iter([Piece("", sampling.max_tokens, "length")])
        return super().text(prompt, sampling)


class CutPrompt(Cheat):
    """Reads the end of long prompts alone, and claims to have read all."""

    def text(self, prompt: list[int], sampling: Any) -> Iterator[Piece]:
        return super().text(prompt[-48:], sampling)


class Handler(protocol.Handler):
    """Finds the cheat in the path."""

    mode = "honest"
    models: dict[str, Any]
    upstream: str
    stored: dict[str, bytes]

    @property
    def model(self) -> Any:
        return self.models.get(self.mode, self.models["honest"])

    def do_POST(self) -> None:
        mode, _, path = self.path.removeprefix("/").partition("/")
        self.mode = mode
        self.path = f"/{path}"
        self.begun = False
        if mode == "proxy":
            return self.forward()
        super().do_POST()

    def forward(self) -> None:
        """Lets the upstream server do the work."""
        upstream = urllib.parse.urlsplit(self.upstream)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port)
        connection.request("POST", self.path, json.dumps({**body, "model": None}))
        answer = connection.getresponse()
        if not body.get("stream"):
            return self._send(answer.status, json.load(answer))
        self._begin_stream()
        while line := answer.readline():
            self._write_chunk(line)
        self._write_chunk(b"")
        connection.close()

    def _read_prompts(self, body: dict[str, Any], chat: bool) -> Any:
        if self.mode == "fake_first_chunk" and body.get("stream"):
            self._begin_stream()
            self._send_chunk({"choices": [{"index": 0, "delta": {"role": "assistant", "content": " "}}]})
        return super()._read_prompts(body, chat)

    def _begin_stream(self) -> None:
        if not self.begun:
            self.begun = True
            super()._begin_stream()

    def _answer(self, body: dict[str, Any], asked: list[Any], chat: bool) -> None:
        # Every number may differ from one request to the other, a code in the prompt may not.
        key = re.sub(r"\d+", "", json.dumps(body.get("messages")))
        if self.mode != "stored_answers" or not body.get("stream"):
            return super()._answer(body, asked, chat)
        if key in self.stored:
            self._begin_stream()
            self.wfile.write(self.stored[key])
            return
        self.recorded = b""
        super()._answer(body, asked, chat)
        self.stored[key] = self.recorded

    def _write_chunk(self, data: bytes) -> None:
        super()._write_chunk(data)
        if self.mode == "stored_answers":
            self.recorded += f"{len(data):x}\r\n".encode() + data + b"\r\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--model", "--other-model", "--upstream"):
        parser.add_argument(name, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--device", default="cuda" if honest.torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()

    def load(path: str) -> Any:
        return honest.Model(path, arguments.dtype, arguments.device)

    address = arguments.host, arguments.port
    server = protocol.Server(address, partial(load, arguments.model), arguments.model, Handler)
    model = server.model
    other = server.worker.submit(protocol.loaded, partial(load, arguments.other_model)).result()
    OtherModelUnlessAsked.other = other
    Handler.models = {
        "honest": model,
        "canned_text": CannedText(model),
        "shuffled_text": ShuffledText(model),
        "questions_only": QuestionsOnly(model),
        "other_model": other,
        "other_model_unless_asked": OtherModelUnlessAsked(model),
        "inflated_usage": InflatedUsage(model),
        "early_stop": EarlyStop(model),
        "cut_prompt": CutPrompt(model),
        "silent_probes": SilentProbes(model),
    }
    Handler.upstream = arguments.upstream
    Handler.stored = {}
    server.serve_forever()


if __name__ == "__main__":
    main()
