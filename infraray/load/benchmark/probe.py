"""A single first request, which reveals what a server rejects before a whole load of it fails."""

from __future__ import annotations

from dataclasses import dataclass

from infraray.errors import InfrarayError
from infraray.load.benchmark.estimated_tokenizer import CHARACTERS_PER_TOKEN, EstimatedTokenizer
from infraray.load.benchmark.server import key_refused
from infraray.load.documents import write_document
from infraray.load.generator import Load, generate_load
from infraray.load.measurement import OutputLimit, message
from infraray.load.requests import Request
from infraray.load.responses import Response, read_response
from infraray.load.target import Target
from infraray.load.workloads import Workload

_OUTPUT_TOKENS = 2
_SHORT = 200
"""Characters of the shorter prompt."""

_FATAL = ("unreachable", "refused", "closed", "malformed", "timeout", "server_error")
"""Failures that every request would share; other faults of an answer are left to the measurement."""


@dataclass
class Probe:
    """Sends a server one request at a time.

    Args:
        base_url: the URL, for error messages.
        target: the server's endpoint.
        model: the server's name for the model.
        workload: the form of the requests.
        api_key_env: the key's variable, for error messages.
        output_limit: the server's parameter for the maximum number of output tokens; switched if it expects the other
            one.
    """

    base_url: str
    target: Target
    model: str
    workload: Workload
    api_key_env: str
    output_limit: OutputLimit = "max_tokens"

    def ask(self, number: int, characters: int) -> Response:
        """The answer to a prompt of that many characters, a different one for each ``number``.

        Raises:
            InfrarayError: the server rejects the request, and would reject all of them.
        """
        prompt = write_document((0x9A0BE, number), characters // 2)[:characters]
        request = Request(prompt, 0, _OUTPUT_TOKENS, "probe")
        sent = message(self.target, self.model, self.workload, request, self.output_limit)
        load = Load([sent], [0.0], request_timeout_s=self.workload.request_timeout_s)
        (exchange,) = generate_load(self.target, load)
        response = read_response(exchange, request, len, ignore_eos=False)
        if response.failure == "refused" and "max_completion_tokens" in response.reason and self._wants_the_other():
            return self.ask(number, characters)
        if response.failure in _FATAL:
            raise InfrarayError(self._explain(exchange.status, response))
        return response

    def estimate_tokenizer(self) -> EstimatedTokenizer:
        """Estimates characters per token from the counts of two prompts.

        Raises:
            InfrarayError: see `ask`.
        """
        # Fewer tokens than the load's prompts have, as an English token has more than three characters.
        long = max(2 * _SHORT, min(4000, 3 * self.workload.input_tokens))
        counts = [self.ask(number, characters).prompt_tokens for number, characters in enumerate((_SHORT, long))]
        short_tokens, long_tokens = counts
        if short_tokens is None or long_tokens is None or long_tokens <= short_tokens:
            return EstimatedTokenizer(CHARACTERS_PER_TOKEN, 0)
        characters_per_token = (long - _SHORT) / (long_tokens - short_tokens)
        return EstimatedTokenizer(characters_per_token, max(0, round(short_tokens - _SHORT / characters_per_token)))

    def _wants_the_other(self) -> bool:
        is_new = self.output_limit == "max_tokens"
        self.output_limit = "max_completion_tokens"
        return is_new

    def _explain(self, status: int, response: Response) -> str:
        reason = response.reason
        if status in (401, 403):
            return f"{key_refused(self.base_url, self.api_key_env, status)}; it says: {reason}"
        hint = ""
        if self.workload.ignore_eos and "ignore_eos" in reason:
            hint = "; it cannot be made to answer at full length: --no-ignore-eos"
        elif status == 404 and "model" not in reason.lower():
            hint = "; does the URL end in /v1, and does the server have this endpoint (--endpoint)?"
        return f"{self.base_url}: a first request failed: {response.failure}: {reason}{hint}"
