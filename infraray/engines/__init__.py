"""Engines: live LLM inference servers, launched, watched, searched and ended. The index of the kinds."""

from infraray.engines.kind import EngineKind
from infraray.engines.launch_space import LaunchSpace
from infraray.engines.registry import engine_kinds, find_engine, find_launch_space, launch_spaces, register_engine
from infraray.engines.spec import EngineSpec, Replicas, read_engine_spec

register_engine("vllm", "infraray.engines.vllm:Vllm")
register_engine("sglang", "infraray.engines.sglang:SgLang")
register_engine("tgi", "infraray.engines.tgi:Tgi")
register_engine("transformers", "infraray.engines.transformers:Transformers")
register_engine("onnx", "infraray.engines.onnx:Onnx")
register_engine("url", "infraray.engines.url:Url")

__all__ = [
    "EngineKind",
    "EngineSpec",
    "LaunchSpace",
    "Replicas",
    "engine_kinds",
    "find_engine",
    "find_launch_space",
    "launch_spaces",
    "read_engine_spec",
    "register_engine",
]
