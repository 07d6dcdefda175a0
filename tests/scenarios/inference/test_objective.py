"""Launch configurations as an objective: whom they can be compared with."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.inference.objective import InferenceObjective
from infraray.scenarios.inference.parameters import InferenceParameters, seed_pair, task_of
from infraray.tune import study_file
from infraray.tune.objective import SearchRequest
from infraray.tune.ray_search import Resources
from infraray.tune.study_file import StudySpec
from tests.load.tokenizers_on_the_spot import make_words


def request(
    tmp_path: Path,
    seeds: tuple[int, ...] = (21,),
    evaluation_seeds: tuple[int, ...] = (1337,),
    seconds: float | None = None,
    **parameters: Any,
) -> SearchRequest:
    parameters = {"model": str(make_words(tmp_path)), "engines": ["transformers"], **parameters}
    return SearchRequest("infraray/Inference-v0", "C-cpu", parameters, 1, (), seeds, evaluation_seeds, seconds)


@pytest.mark.parametrize("task", [0, 1, 2, 3, 4, 1000])
def test_the_task_of_an_evaluation_seed(task: int) -> None:
    assert task_of(seed_pair(task).eval) == task
    assert task_of(seed_pair(task).dev) is None


def test_agents_are_compared_on_the_tasks_that_have_the_studys_seeds(tmp_path: Path) -> None:
    InferenceObjective(request(tmp_path, (21, 999), (1337, 777))).check_agent("scripted:defaults")
    with pytest.raises(InfrarayError, match="unknown agent scripted:default"):
        InferenceObjective(request(tmp_path, (21,), (1337,))).check_agent("scripted:default")
    for seeds, evaluation_seeds in (((21,), (428,)), ((21,), (5,))):
        with pytest.raises(InfrarayError, match=r"evaluation seed \d+ and a development seed are not those of a task"):
            InferenceObjective(request(tmp_path, seeds, evaluation_seeds)).check_agent("scripted:defaults")


def test_agents_have_the_studys_wall_clock_time(tmp_path: Path) -> None:
    assert InferenceObjective(request(tmp_path, seconds=120.0)).parameters.budget_s == 120
    assert InferenceObjective(request(tmp_path, budget_s=90.0)).parameters.budget_s == 90
    assert InferenceObjective(request(tmp_path, seconds=90.0, budget_s=90.0)).parameters.budget_s == 90
    with pytest.raises(InfrarayError, match="budget_s=90: agents have the study's 120 s; leave it out"):
        InferenceObjective(request(tmp_path, seconds=120.0, budget_s=90.0))


def test_a_study_that_names_no_seeds_has_the_papers(tmp_path: Path) -> None:
    parameters = {"model": str(make_words(tmp_path)), "engines": ["transformers"]}
    objective = study_file.make_objective(
        StudySpec.parse(
            {"name": "s", "scenario": "inference", "parameters": parameters, "evaluation_seeds": [1337, 428]}
        )
    )
    identity = objective.identity()
    assert (identity["seeds"], identity["evaluation_seeds"]) == ([21, 248, 999], [1337, 428])
    pickle.dumps(objective)


def test_without_gpus_trials_run_one_at_a_time_unless_asked_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 8.0, "GPU": 4.0})
    assert Resources(1, 0).places(alone_on_devices=True) == 1
    assert Resources(1, 0).places(alone_on_devices=False) == 8
    assert Resources(1, 1).places(alone_on_devices=True) == 4
    assert Resources(1, 0, parallel=2).places(alone_on_devices=True) == 2


def test_preparation_says_which_gate_nothing_can_pass(parameters: InferenceParameters) -> None:
    objective = InferenceObjective(
        SearchRequest("inference", None, parameters.model_dump(mode="json"), 1, (), (21,), (1337,))
    )
    try:
        said = objective.prepare(objective.preparations()[0])
    finally:
        objective.close()
    assert said[0].startswith("mmlu_pro is not given: nothing can pass the quality gate")
