"""Launch configurations of engines: the spaces by name, and the joint space in which the engine is a choice."""

from infraray.errors import UnknownName, did_you_mean
from infraray.scenarios.inference.launching.launch_space import LaunchSpace
from infraray.scenarios.inference.launching.sglang import SGLANG, SGLANG_PAPER
from infraray.scenarios.inference.launching.tgi import TGI_PAPER
from infraray.scenarios.inference.launching.transformers import TRANSFORMERS
from infraray.scenarios.inference.launching.vllm import VLLM, VLLM_CPU, VLLM_PAPER

LAUNCH_SPACES = {
    space.name: space for space in (VLLM, VLLM_PAPER, VLLM_CPU, SGLANG, SGLANG_PAPER, TGI_PAPER, TRANSFORMERS)
}


def find_launch_space(name: str) -> LaunchSpace:
    """The space of a name.

    Raises:
        UnknownName: there is none; the nearest names are told.
    """
    if name not in LAUNCH_SPACES:
        raise UnknownName(f"no launch space {name!r}; {did_you_mean(name, LAUNCH_SPACES)}")
    return LAUNCH_SPACES[name]


__all__ = ["LAUNCH_SPACES", "LaunchSpace", "find_launch_space"]
