"""The reference server: a causal language model on PyTorch, one request at a time.

    python -P transformers_server.py --model MODEL --port PORT

The baseline that engines are measured against, and small enough to be read whole: prefill, then
one token a step with the key-value cache, no batching, no paging, no compilation. It speaks OpenAI's protocol as
`openai_api` beside it says, and imports that, torch and transformers alone, so that any environment that has them can
run it.

One-time costs must not fall into a measurement (`openai_api`). For PyTorch this means:

- One thread computes: CUDA's libraries, PyTorch's attention by cuDNN and OpenMP on a CPU each keep for every thread
  what they have built.
- Attention is FlashAttention's, else the memory-efficient kernel, else plain mathematics. cuDNN's, which PyTorch
  prefers on Hopper, builds a plan for every length of the cache, that is at every token (tens of milliseconds each).

What remains is what plain PyTorch costs: Python's share of each step, and the cache, which is copied into a longer
one at every token.
"""

# mypy: disable-error-code="import-not-found,untyped-decorator"
from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AutoModelForCausalLM, AutoTokenizer

if TYPE_CHECKING:
    from infraray.engines.servers import openai_api
    from infraray.engines.servers.openai_api import BadRequest, Sampling, likely_token
else:
    # There may be no infraray here, and the file's own folder is not searched: not by -P, and not in a fork.
    sys.path.insert(0, str(Path(__file__).parent))
    import openai_api
    from openai_api import BadRequest, Sampling, likely_token

ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Kernels that build nothing per length; PyTorch takes the first that is able."""


class Model(openai_api.Model):
    """The model, its tokenizer and the loop that decodes."""

    def __init__(self, path: str, dtype: str, device: str) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(path)
        self.device = device
        model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype))
        self.model = model.to(device).eval()
        # Transformers 5.2x has renamed it.
        self.cache_name = "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"
        self.context = int(getattr(self.model.config, "max_position_embeddings", 1 << 30))
        self.num_tokens = int(self.model.get_input_embeddings().num_embeddings)
        eos = self.model.generation_config.eos_token_id
        eos = self.tokenizer.eos_token_id if eos is None else eos
        self.eos = set(eos if isinstance(eos, list) else [eos])
        self.without_text = self.eos | set(self.tokenizer.all_special_ids)

    def encode_chat(self, messages: list[dict[str, Any]]) -> list[int]:
        """By the template of the tokenizer."""
        if not self.tokenizer.chat_template:
            raise BadRequest("the model has no chat template; use /v1/completions")
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def encode(self, text: str) -> list[int]:
        """With what the tokenizer puts before a text."""
        return list(self.tokenizer(text).input_ids)

    def decode(self, tokens: list[int]) -> str:
        """As a whole, since a token's text can depend on those before it."""
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def computing(self) -> AbstractContextManager[object]:
        """Takes the kernels of `ATTENTION`."""
        held: AbstractContextManager[object] = sdpa_kernel(ATTENTION)
        return held

    @torch.inference_mode()
    def generate(self, prompt: list[int], sampling: Sampling) -> Iterator[tuple[int, torch.Tensor]]:
        """A step for each token, with the cache of those before it."""
        generator = torch.Generator(self.device)
        if sampling.seed is None:
            generator.seed()
        else:
            generator.manual_seed(sampling.seed)
        tokens = torch.tensor([prompt], device=self.device)
        cache = None
        for _ in range(sampling.max_tokens):
            output = self.model(tokens, **{self.cache_name: cache}, use_cache=True, logits_to_keep=1)
            cache = output[self.cache_name]
            logits = output.logits[0, -1].float()
            token = self._choose(logits, sampling, generator)
            yield token, logits
            if token in self.eos and not sampling.ignore_eos:
                return
            tokens = torch.tensor([[token]], device=self.device)

    def _choose(self, logits: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> int:
        if sampling.temperature == 0:
            return int(logits.argmax())
        probabilities, order = torch.softmax(logits / sampling.temperature, -1).sort(descending=True)
        # The smallest set of tokens that has top_p of the mass; the first one always stays.
        probabilities[probabilities.cumsum(-1) - probabilities > sampling.top_p] = 0
        return int(order[torch.multinomial(probabilities, 1, generator=generator)])

    @torch.inference_mode()
    def likelihood(self, prompt: list[int], text: str, top_logprobs: int) -> list[dict[str, Any]]:
        """Of all tokens in one step."""
        answer = self.tokenizer(text, add_special_tokens=False).input_ids[: max(0, self.context - len(prompt))]
        tokens = torch.tensor([prompt + answer], device=self.device)
        logits = self.model(tokens, use_cache=False, logits_to_keep=len(answer) + 1).logits[0, :-1].float()
        entries = []
        for token, row in zip(answer, logits, strict=True):
            if int(row.argmax()) in self.without_text:
                break
            entries.append(self.entry(token, row, top_logprobs))
        return entries

    def entry(self, token: int, logits: torch.Tensor, top_logprobs: int) -> dict[str, Any]:
        """Of logits that are still on the device."""
        logprobs = torch.log_softmax(logits, -1)
        likely = logprobs.topk(min(top_logprobs, len(logprobs)))
        pairs = zip(likely.indices.tolist(), likely.values.tolist(), strict=True)
        return {
            **self._named(token, float(logprobs[token])),
            "top_logprobs": [self._named(other, logprob) for other, logprob in pairs],
        }

    def _named(self, token: int, logprob: float) -> dict[str, Any]:
        return likely_token(self.tokenizer.decode([token]), logprob)


def main() -> None:
    """Serves until it is ended."""
    parser = openai_api.make_parser("A minimal OpenAI-compatible server on PyTorch and transformers.")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "float16", "bfloat16"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    dtype = arguments.dtype
    if dtype == "auto":
        dtype = "float32" if arguments.device == "cpu" else "bfloat16"

    def load() -> Model:
        return Model(arguments.model, dtype, arguments.device)

    openai_api.serve(arguments, load, f"in {dtype} on {arguments.device}")


if __name__ == "__main__":
    main()
