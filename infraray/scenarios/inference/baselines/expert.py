"""What operators of such servers try first, by objective.

- Time to first token: whole prompts in one batch, no cache look-ups for prompts that are all new.
- Time per token: n-gram speculation, which guesses several tokens at once; narrow cache and weights.
- Throughput: many sequences and large batches.

Each idea is measured on top of the best so far and kept if it helps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infraray.agents.agent import register_agent
from infraray.errors import InvalidAction
from infraray.scenarios.inference.baselines.measuring import MeasuringAgent
from infraray.scenarios.inference.proposals import complete
from infraray.scenarios.inference.setting import ENGINE
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration

FIRST_TOKEN: tuple[Mapping[str, Any], ...] = (
    {"max_num_batched_tokens": 16384},
    {"enable_prefix_caching": False},
    {"attention_backend": "FLASH_ATTN"},
    {"quantization": "fp8"},
)
EACH_TOKEN: tuple[Mapping[str, Any], ...] = (
    {"num_speculative_tokens": 5},
    {"num_speculative_tokens": 3},
    {"quantization": "fp8"},
    {"kv_cache_dtype": "fp8"},
    {"dtype": "bfloat16"},
)
MANY: tuple[Mapping[str, Any], ...] = (
    {"max_num_seqs": 64},
    {"max_num_seqs": 256, "max_num_batched_tokens": 8192},
    {"stream_interval": 4},
    {"quantization": "fp8"},
    {"kv_cache_dtype": "fp8"},
    {"max_running_requests": 256},
)
IDEAS = {
    "ttft": FIRST_TOKEN,
    "tpot": EACH_TOKEN,
    "request_throughput": (*MANY, *EACH_TOKEN[:1]),
    "balanced": (*EACH_TOKEN, *FIRST_TOKEN[:2], *MANY[:2]),
}


@register_agent("expert", scenario="inference")
class Expert(MeasuringAgent):
    """A short list of settings that are known to matter, in order."""

    def proposals(self) -> Iterator[Configuration]:
        """Each engine's defaults, then the ideas that apply to the best one's space."""
        yield self.space.default
        for engine in self.setting.engines[1:]:
            yield complete({ENGINE: engine}, self.space)
        for idea in IDEAS[self.setting.workload.objective]:
            configuration = self._with(idea)
            if configuration is not None and configuration != self.best:
                yield configuration

    def _with(self, idea: Mapping[str, Any]) -> Configuration | None:
        """The best so far with an idea; None if the space does not have it."""
        prefix = f"{self.best[ENGINE]}." if ENGINE in self.space.by_name else ""
        changed = {f"{prefix}{name}": value for name, value in idea.items()}
        if not all(_takes(self.space, name, value) for name, value in changed.items()):
            return None
        try:
            return complete({**self.best, **changed}, self.space)
        except InvalidAction:
            return None


def _takes(space: SearchSpace, name: str, value: Any) -> bool:
    return name in space.by_name and value in space[name].values
