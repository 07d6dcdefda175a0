"""A small server on onnxruntime-genai: a causal language model without PyTorch, one request at a time.

    python -P onnx_server.py --model FOLDER --port PORT

FOLDER is in the library's own format: ``genai_config.json``, the model as ONNX, and the tokenizer's files with its chat
template. It speaks OpenAI's protocol as `openai_api` beside it says, and imports that, onnxruntime-genai and NumPy
alone.

The library runs the model, reads the template and turns text into tokens and back. A token is chosen here, from the
logits: the library tells no log-probabilities, and would apply what ``genai_config.json`` says of sampling, such as a
repetition penalty, which no request has asked for.

The last sequence is kept: a prompt that begins as it did, such as the next of a conversation, is read from there on.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import json
import os
import sys
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before the import: from 1.29 on, ONNX Runtime tells its maker what is run, unless it is told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime_genai as og

if TYPE_CHECKING:
    from infraray.engines.servers import openai_api
    from infraray.engines.servers.openai_api import BadRequest, Sampling, likely_token
else:
    # There may be no infraray here, and -P keeps the file's own folder from being searched.
    sys.path.insert(0, str(Path(__file__).parent))
    import openai_api
    from openai_api import BadRequest, Sampling, likely_token

CONFIG = "genai_config.json"
BROKEN = "\ufffd"
"""Stands for bytes that are no character."""


class Model(openai_api.Model):
    """The model, its tokenizer and the loop that decodes.

    Args:
        path: the folder.
        threads: that compute a step; None is one for each core.
    """

    def __init__(self, path: str, threads: int | None) -> None:
        said = json.loads(Path(path, CONFIG).read_text(encoding="utf-8"))["model"]
        config = og.Config(path)
        if threads is not None:
            options = {"session_options": {"intra_op_num_threads": threads}}
            config.overlay(json.dumps({"model": {"decoder": options}}))
        self.model: Any = og.Model(config)
        self.tokenizer: Any = og.Tokenizer(self.model)
        self.bare: Any = og.Tokenizer(self.model)
        """Puts no special tokens before a text, and shows those that it is given."""
        self.bare.update_options(add_special_tokens="false", skip_special_tokens="false")
        self.context = int(said["context_length"])
        self.num_tokens = int(said["vocab_size"])
        eos = said["eos_token_id"]
        self.eos = set(eos if isinstance(eos, list) else [eos])
        letter = int(self.bare.encode("a")[-1])
        alone = self.tokenizer.decode([letter])
        # Special tokens; and NUL, where the library ends a text.
        self.hidden = {token for token in range(self.num_tokens) if self.tokenizer.decode([letter, token]) == alone}
        """Tokens that are left out of texts."""
        self.without_text = self.eos | self.hidden
        self._keeps = False
        self._kept: tuple[Any, list[int], int] | None = None
        """The last sequence, its tokens, and how many it may have."""

    def warm_up(self) -> None:
        """Reads every prompt from its beginning, since it measures how long that takes."""
        super().warm_up()
        self._keeps = True

    def encode_chat(self, messages: list[dict[str, Any]]) -> list[int]:
        """By the template in the model's folder, as far as the library's reader of templates goes."""
        for message in messages:
            check_characters("messages", *(value for value in message.values() if isinstance(value, str)))
        try:
            text = self.tokenizer.apply_chat_template(json.dumps(messages), add_generation_prompt=True)
        except RuntimeError as error:
            if "Empty chat template" in str(error):
                raise BadRequest("the model has no chat template; use /v1/completions") from None
            raise
        return [int(token) for token in self.bare.encode(text)]

    def encode(self, text: str) -> list[int]:
        """With what the tokenizer puts before a text."""
        check_characters("prompt", text)
        return [int(token) for token in self.tokenizer.encode(text)]

    def decode(self, tokens: list[int]) -> str:
        """As a whole, since a token's text can depend on those before it.

        The library ends its text at the first broken character; what follows that one is decoded anew.
        """
        left = [token for token in tokens if token not in self.hidden]
        text = ""
        while left:
            piece = self.tokenizer.decode(left)
            text += piece
            if not piece.endswith(BROKEN):
                break
            shown = bisect_left(
                range(1, len(left)), True, key=lambda count: self.tokenizer.decode(left[:count]) == piece
            )
            left = left[shown + 1 :]
        return text

    def generate(self, prompt: list[int], sampling: Sampling) -> Iterator[tuple[int, Any]]:
        """A step for each token, with the cache of those before it."""
        random = np.random.default_rng(None if sampling.seed is None else sampling.seed % 2**64)
        generator, held, room = self._begun(prompt, sampling.max_tokens)
        tokens = prompt[len(held) :]
        for _ in range(sampling.max_tokens):
            generator.append_tokens(tokens)
            held += tokens
            self._kept = (generator, held, room) if self._keeps else None
            logits = generator.get_logits()[0, -1]
            token = choose(logits, sampling, random)
            yield token, logits
            if token in self.eos and not sampling.ignore_eos:
                return
            tokens = [token]

    def likelihood(self, prompt: list[int], text: str, top_logprobs: int) -> list[dict[str, Any]]:
        """A step for each token: models may be built to give no other logits than the last."""
        check_characters("text", text)
        answer = [int(token) for token in self.bare.encode(text)][: max(0, self.context - len(prompt))]
        generator = self._generator(len(prompt) + len(answer))
        entries = []
        tokens = prompt
        for token in answer:
            generator.append_tokens(tokens)
            logits = generator.get_logits()[0, -1]
            if int(logits.argmax()) in self.without_text:
                break
            entries.append(self.entry(token, logits, top_logprobs))
            tokens = [token]
        return entries

    def _begun(self, prompt: list[int], max_tokens: int) -> tuple[Any, list[int], int]:
        """A sequence with the longest beginning of a prompt that the last one has, that beginning, and its room."""
        kept, self._kept = self._kept, None
        wanted = len(prompt) + max_tokens
        if kept is not None and wanted <= kept[2]:
            generator, held, room = kept
            # The last token is read in any case: its logits are what is asked for.
            both = zip(held, prompt[:-1], strict=False)
            shared = next((place for place, (one, other) in enumerate(both) if one != other), None)
            shared = min(len(held), len(prompt) - 1) if shared is None else shared
            try:
                if 0 < shared < len(held):
                    generator.rewind_to(shared)
            except RuntimeError:
                shared = 0  # not every model's cache can be cut
            if shared:
                return generator, held[:shared], room
        # Room for the turns to come.
        room = min(self.context, 1 << (wanted - 1).bit_length()) if self._keeps else wanted
        return self._generator(room), [], room

    def _generator(self, max_tokens: int) -> Any:
        """A new sequence; its cache is made for so many tokens."""
        parameters = og.GeneratorParams(self.model)
        parameters.set_search_options(max_length=max_tokens, num_beams=1, num_return_sequences=1)
        return og.Generator(self.model, parameters)

    def entry(self, token: int, logits: Any, top_logprobs: int) -> dict[str, Any]:
        """Of the logits of one place."""
        shifted = logits.astype(np.float64) - logits.max()
        logprobs = shifted - np.log(np.exp(shifted).sum())
        likely = np.argsort(-logits, kind="stable")[:top_logprobs]
        return {
            **self._named(token, logprobs),
            "top_logprobs": [self._named(int(other), logprobs) for other in likely],
        }

    def _named(self, token: int, logprobs: Any) -> dict[str, Any]:
        return likely_token(self.bare.decode([token]), float(logprobs[token]))


def choose(logits: Any, sampling: Sampling, random: np.random.Generator) -> int:
    """The likeliest token, or one that is drawn."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    chances = np.exp((logits.astype(np.float64) - logits.max()) / sampling.temperature)
    chances /= chances.sum()
    if sampling.top_p < 1:
        order = np.argsort(-chances, kind="stable")
        # The smallest set of tokens that has top_p of the mass; the first one always stays.
        likelier = np.cumsum(chances[order]) - chances[order]
        chances[order[likelier > sampling.top_p]] = 0
    return int(random.choice(len(chances), p=chances / chances.sum()))


def check_characters(field: str, *texts: str) -> None:
    """Refuses a text that the library would cut without a word.

    Raises:
        BadRequest: it holds NUL, where texts end in C.
    """
    if any("\0" in text for text in texts):
        raise BadRequest(f"{field}: holds the character NUL, which onnxruntime-genai cannot read")


def default_threads() -> int | None:
    """As PyTorch, which does as OpenMP, so that an engine with one CPU takes no others."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) > 0 else None


def main() -> None:
    """Serves until it is ended."""
    parser = openai_api.make_parser("A minimal OpenAI-compatible server on onnxruntime-genai.")
    parser.add_argument(
        "--threads", type=int, default=default_threads(), help="default: OMP_NUM_THREADS, else all cores"
    )
    arguments = parser.parse_args()
    if not Path(arguments.model, CONFIG).is_file():
        parser.error(
            f"{arguments.model}: has no {CONFIG}; --model is a folder as `python -m onnxruntime_genai.models.builder` "
            "writes it"
        )
    openai_api.serve(
        arguments, lambda: Model(arguments.model, arguments.threads), f"with onnxruntime-genai {og.__version__}"
    )


if __name__ == "__main__":
    main()
