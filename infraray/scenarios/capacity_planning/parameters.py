"""The parameters of capacity planning."""

from __future__ import annotations

from typing import Literal

from infraray.conditions import Is
from infraray.isolation import Limits
from infraray.parameters import Parameters, file_sha256, parameter
from infraray.scenarios.capacity_planning.generator import Shape, generate
from infraray.scenarios.capacity_planning.malt_file import load_malt
from infraray.scenarios.capacity_planning.topology import Topology
from infraray.scenarios.capacity_planning.words import AnswerFormat

COUNTS = {name: field.default for name, field in Shape.__dataclass_fields__.items()}
"""The generated fabric's counts by name, with their defaults."""

GENERATED = (Is("model", None),)


def _count(name: str, description: str, most: int) -> int:
    count: int = parameter(COUNTS[name], ge=1, le=most, unit="1", description=description, only_when=GENERATED)
    return count


class CapacityPlanningParameters(Parameters):
    """The datacenter, what an answer is, and what its code may use."""

    model: str | None = parameter(None, unit="", description="a MALT model (text protobuf) in place of a generated one")
    superblocks: int = _count("superblocks", "superblocks of the fabric", 32)
    agg_blocks_per_superblock: int = _count("agg_blocks_per_superblock", "aggregation blocks of each", 32)
    switches_per_agg_block: int = _count("switches_per_agg_block", "packet switches of each", 64)
    spineblocks: int = _count("spineblocks", "spine blocks of the fabric", 64)
    switches_per_spineblock: int = _count("switches_per_spineblock", "packet switches of each", 64)
    ports_per_switch: int = _count("ports_per_switch", "ports of each packet switch", 128)
    switches_per_rack: int = _count("switches_per_rack", "packet switches that share a rack", 64)
    capacities_seed: int = parameter(
        0, ge=0, unit="1", description="from which the ports' capacities are drawn", only_when=GENERATED
    )
    answer_format: Literal["plain", "netarena"] = parameter(
        "plain", unit="", description="what process_graph returns: the answer, or the dict of NetArena's benchmark"
    )
    max_turns: int = parameter(
        3, ge=1, le=100, unit="1", description="answers that an agent may give, repairs included"
    )
    code_time_s: float = parameter(10.0, ge=0.1, le=600.0, unit="s", description="what an answer's code may take")
    code_memory_mib: int = parameter(
        512, ge=128, le=65536, unit="MiB", description="memory that it may have, with the interpreter's and the graph's"
    )

    @property
    def format(self) -> AnswerFormat:
        """What an answer's function returns."""
        return AnswerFormat(self.answer_format)

    @property
    def limits(self) -> Limits:
        """Of an answer's code."""
        return Limits(wall_s=self.code_time_s, cpu_s=self.code_time_s, memory_bytes=self.code_memory_mib * 2**20)

    def topology(self) -> Topology:
        """The datacenter that all tasks with these parameters are about, a new one each time."""
        if self.model is not None:
            return load_malt(self.model).copy()
        return generate(Shape(**{name: getattr(self, name) for name in COUNTS}), self.capacities_seed)

    def files(self) -> dict[str, str]:
        """The model, if one is read."""
        return {self.model: file_sha256(self.model)} if self.model is not None else {}
