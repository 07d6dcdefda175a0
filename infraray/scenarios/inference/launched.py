"""What agents launch, as far as it is not what they were given: for reports on how they worked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.setting import tuned_flags
from infraray.workspaces.technique import Technique

TECHNIQUES: Mapping[str, Technique] = {
    "quantization": Technique(r"quanti[zs]|\bfp8\b|\bawq\b|\bgptq\b|\bint[48]\b", r"quantization"),
    "chunked prefill": Technique(r"chunked.?prefill", r"chunked_prefill"),
    "speculation": Technique(r"speculat|n-?gram", r"speculative"),
    "prefix caching": Technique(r"prefix.?cach|radix", r"prefix_caching|radix_cache"),
    "smaller cache": Technique(r"kv.?cache.?d?type|fp8.{0,20}kv|kv.{0,20}fp8", r"kv_cache_dtype"),
    "batch limits": Technique(r"max.?num.?(seqs|batched)|batch(ing)? (size|limit)", r"max_num_|max_running|max_batch"),
    "eager mode": Technique(r"enforce.?eager|eager (mode|execution)", r"enforce_eager"),
    "attention backend": Technique(r"attention.?backend|flash.?infer|triton", r"attention_backend"),
}
"""By name: InferenceBench counts the first four (appendix E.3), the others are in its search spaces. One is used where
a launch sets it to something other than the default."""

NEEDED = ("model", "model_path", "model_id", "host", "port", "served_model_name", "generation_config")
"""Flags without which no server would be what is asked for."""

_FLAG = re.compile(r"(?:^|\s)--([A-Za-z][\w.-]*)(?:[= ]\s*(?!--)(\S+))?")


def launched(extra: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The engine and the settings of a launch that are not its defaults; None if a step launched nothing.

    Of a server that an agent started by itself it is the flags of the processes that serve, or of its launcher, or,
    where that has none, the launcher itself.

    Args:
        extra: the step's facts.
        parameters: the scenario's.
    """
    launch = extra.get("launch")
    if launch is not None:
        lines = [line for line in launch["processes"] if "--port" in line or "--model" in line]
        flags = _flags("\n".join(lines)) or _flags(launch["launcher"])
        return flags or {"launcher": launch["launcher"]}
    configuration = extra["trial"].get("configuration") if "trial" in extra else None
    if not configuration:
        return None
    engine, tuned = tuned_flags(InferenceParameters.parse("inference", dict(parameters)).setting(), configuration)
    return {"engine": engine, **tuned}


def _flags(text: str) -> dict[str, str]:
    """Flags and their values in command lines, the needed ones left out."""
    found = {name.replace("-", "_"): value for name, value in _FLAG.findall(text)}
    return {name: value.strip("'\"\\") for name, value in found.items() if name not in NEEDED}
