"""The inference scenario on real engines: a small model that answers questions, vLLM and the reference server."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import infraray
from infraray.agents import Briefing, load_agent
from infraray.engines.supervisor import descendants
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.scenarios.inference.bench import Bench
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.submission import submit
from tests.engines.conftest import ENV

pytestmark = [pytest.mark.engine, pytest.mark.alone, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def arguments(answering_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {
        "model": str(answering_model / "model"),
        "mmlu_pro": str(answering_model / "questions"),
        "questions": 40,
        # With fewer requests the answers, which are short, are too little text for the integrity gate.
        "workload": "C-cpu",
        "engines": ["vllm-cpu", "transformers"],
        "flags": {"vllm-cpu": {"max_model_len": 2048, "enforce_eager": True}},
        "env": ENV,
        "budget_s": 300.0,
        "folder": str(tmp_path_factory.mktemp("bench")),
    }


def test_a_server_is_used_again_for_the_same_launch_and_replaced_for_another(arguments: dict[str, Any]) -> None:
    parameters = InferenceParameters.parse("inference", arguments)
    bench = Bench(parameters.setting())
    try:
        reference = {"engine": "transformers", "transformers.dtype": None}
        first = bench.evaluate(reference, 1)
        assert first.failure is None and first.start_s > 0.5
        pid = bench.process.pid if bench.process is not None else None
        again = bench.evaluate(reference, 1, num_requests=4)
        assert again.start_s < 0.1 and bench.process is not None and bench.process.pid == pid
        assert again.measurement is not None and again.measurement.traffics[0].metrics.requests == 4
        other = bench.evaluate({**reference, "transformers.dtype": "bfloat16"}, 1)
        assert other.failure is None and bench.process is not None and bench.process.pid != pid
        assert 0.5 < bench.speedup(first.score, 1) < 2
    finally:
        bench.close()
    assert bench.process is None


def test_launches_of_vllm_share_one_import_and_leave_nothing(arguments: dict[str, Any]) -> None:
    others = set(descendants(os.getpid()))
    bench = Bench(InferenceParameters.parse("inference", arguments).setting())
    try:
        starts = []
        for number in (2, 4, 8):
            trial = bench.evaluate({"engine": "vllm-cpu", "vllm-cpu.max_num_seqs": number}, 1, num_requests=4)
            assert trial.failure is None and bench.process is not None
            starts.append(trial.start_s)
            log = bench.process.log_tail(10_000)
        # The first one imports; the second one's process is told under which variables vLLM starts its workers.
        assert "not forked" not in log and starts[2] < 0.7 * starts[0]
    finally:
        bench.close()
    assert not set(descendants(os.getpid())) - others


@pytest.fixture
def environment(arguments: dict[str, Any]) -> Iterator[Environment]:
    made = infraray.make("inference", **arguments)
    yield made
    made.close()


def test_an_episode_measures_submits_and_passes_the_gates(environment: Environment) -> None:
    expert = load_agent("scripted:defaults", "inference")
    observation, _ = environment.reset(seed=0)
    expert.reset(Briefing.of(environment, 1))
    observation, reward, terminated, _, info = environment.step('I try: {"evaluate": {"engine": "transformers"}}')
    assert info["valid"] and not terminated
    assert 0.3 < observation.best_speedup < 3
    observation, _, _, _, info = environment.step({"evaluate": {"engine": "vllm-cpu", "vllm-cpu.max_num_seqs": 4}})
    assert info["valid"] and info["extra"]["trial"]["failure"] is None
    _, reward, terminated, _, info = environment.step('{"submit": {"engine": "vllm-cpu", "vllm-cpu.max_num_seqs": 4}}')
    assert terminated
    verdict = environment.verdict()
    submission = info["extra"]["submission"]
    assert submission["passed"], submission["reason"]
    assert verdict.correct and verdict.score == submission["speedup"] == pytest.approx(reward + 1)
    assert environment.bound() > verdict.score > 0
    json.dumps(info["extra"])


def test_a_configuration_that_answers_worse_or_does_not_start_is_worth_the_reference(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    """Questions that the reference answers, put to a server whose context cuts them off, and a launch that fails."""
    parameters = InferenceParameters.parse(
        "inference", {**arguments, "flags": {"vllm-cpu": {"max_model_len": 2048, "hf_overrides": "{broken"}}}
    )
    bench = Bench(parameters.setting())
    try:
        failed = submit(bench, parameters.setting().space.default, 1337)
    finally:
        bench.close()
    assert failed.score == 1.0 and not failed.passed
    assert failed.trial.failure is not None and "\n" not in failed.reason


def test_wrong_requests_are_told_in_one_line(environment: Environment) -> None:
    environment.reset(seed=0)
    for said, reason in (
        ("launch it", "no request in 'launch it'"),
        ('{"evaluate": {"vllm-cpu.max_num_seq": 3}}', "did you mean vllm-cpu.max_num_seqs"),
        ('{"evaluate": {"engine": "tgi"}}', "must be one of"),
        ('{"evaluate": {"engine": "transformers", "vllm-cpu.max_num_seqs": 4}}', "it needs that engine is vllm-cpu"),
        ('{"submit": 3}', "must be an object"),
    ):
        _, _, terminated, _, info = environment.step(said)
        assert not info["valid"] and not terminated
        assert reason in info["reason"] and "\n" not in info["reason"]


def test_without_a_model_there_is_one_line() -> None:
    with pytest.raises(InfrarayError, match="model='': name a local folder"):
        infraray.make("inference", model="").reset(seed=0)
