"""The parameters of the scenario: the model, the engines, and the time to tune."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, field_validator

from infraray.conditions import IsNot
from infraray.engines import find_launch_space, launch_spaces
from infraray.errors import UnknownName, did_you_mean
from infraray.load.presets import PRESETS
from infraray.load.workloads import SEED_PAIRS, SeedPair, Workload
from infraray.parameters import Parameters, parameter
from infraray.policy.trained import NAME, model_folder
from infraray.scenarios.inference.setting import REFERENCE, Setting


def _read_workload(value: Any) -> Any:
    """A name is a preset; a mapping may start from one: ``{preset: C-quick, num_requests: 16}``."""
    if isinstance(value, str):
        value = {"preset": value}
    if not isinstance(value, dict) or "preset" not in value:
        return value
    own = dict(value)
    name = own.pop("preset")
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"no workload {name!r}; {did_you_mean(str(name), PRESETS)}")
    return {**PRESETS[name], **own}


class InferenceParameters(Parameters):
    """The parameters, the same for every agent."""

    model: str = parameter(
        NAME,
        unit="",
        description="a local folder in Hugging Face's format, or infraray for the model that comes with it",
    )
    workload: Annotated[Workload, BeforeValidator(_read_workload)] = parameter(
        "C-cpu", unit="", description="a preset's name, or your own workload", validate_default=True
    )
    engines: tuple[str, ...] = parameter(
        ("vllm",), unit="", description="launch spaces; with several, the engine is a choice too"
    )
    budget_s: float = parameter(
        7200.0, gt=0, le=1e6, unit="s", description="wall-clock time to try configurations, thinking included"
    )
    python: dict[str, str] = parameter(
        {}, unit="", description="interpreter of a launch space's engine, or of 'all'; by default infraray's"
    )
    flags: dict[str, dict[str, Any]] = parameter(
        {}, unit="", description="flags that are always given, by launch space"
    )
    env: dict[str, str] = parameter({}, unit="", description="environment variables of the engines")
    ready_timeout_s: float = parameter(300.0, gt=0, le=86_400, unit="s", description="time that a start may take")
    longbench: str | None = parameter(None, unit="", description="a local copy of LongBench v2 for the documents")
    mmlu_pro: str | None = parameter(
        None, unit="", description="a local copy of MMLU-Pro; without one nothing passes the quality gate"
    )
    questions: int = parameter(
        500,
        ge=1,
        le=20_000,
        unit="1",
        description="questions of the quality gate",
        only_when=(IsNot("mmlu_pro", None),),
    )
    judge: str | None = parameter(None, unit="", description="a chat agent that judges submissions as well")
    folder: str = parameter("runs/inference", unit="", description="keeps requests and the reference's figures")

    @field_validator("engines")
    @classmethod
    def _known_engines(cls, engines: tuple[str, ...]) -> tuple[str, ...]:
        if not engines:
            raise ValueError("must name at least one launch space")
        for name in engines:
            try:
                find_launch_space(name)
            except UnknownName as error:
                raise ValueError(str(error)) from None
        if len(set(engines)) != len(engines):
            raise ValueError("must name each launch space once")
        return engines

    @field_validator("python", "flags")
    @classmethod
    def _for_engines_that_are_launched(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        engines = info.data.get("engines") or launch_spaces()
        known = {*engines, REFERENCE, *(["all"] if info.field_name == "python" else [])}
        for name in given:
            if name not in known:
                raise ValueError(f"{name!r} is not in engines; {did_you_mean(name, known)}")
            if info.field_name == "flags":
                find_launch_space(name)[0].check_flags(given[name])
        return given

    def setting(self) -> Setting:
        """The bench's setting."""
        return Setting(
            model=model_folder(self.model),
            workload=self.workload,
            engines=self.engines,
            python=self.python,
            flags=self.flags,
            env=self.env,
            ready_timeout_s=self.ready_timeout_s,
            folder=self.folder,
            longbench=self.longbench,
            mmlu_pro=self.mmlu_pro,
            questions=self.questions,
        )


def seed_pair(seed: int) -> SeedPair:
    """The seeds of a task: the paper's three pairs for 0, 1 and 2, then our own pairs."""
    return SEED_PAIRS[seed] if seed < len(SEED_PAIRS) else SeedPair(2 * seed + 10_000, 2 * seed + 10_001)


def task_of(evaluation_seed: int) -> int | None:
    """The seed of the task whose pair has this evaluation seed; None if there is none."""
    for seed, pair in enumerate(SEED_PAIRS):
        if pair.eval == evaluation_seed:
            return seed
    seed = (evaluation_seed - 10_001) // 2
    return seed if seed >= len(SEED_PAIRS) and seed_pair(seed).eval == evaluation_seed else None
