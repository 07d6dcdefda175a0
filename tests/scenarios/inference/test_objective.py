"""Launch configurations as an objective: whom they can be compared with."""

from pathlib import Path

import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.inference.objective import make_objective
from infraray.scenarios.inference.parameters import seed_pair, task_of
from infraray.tune.objective import SearchRequest
from tests.scenarios.inference.tokenizers_on_the_spot import make_words


def request(tmp_path: Path, seeds: tuple[int, ...], evaluation_seeds: tuple[int, ...]) -> SearchRequest:
    parameters = {"model": str(make_words(tmp_path)), "engines": ["transformers"]}
    return SearchRequest("infraray/Inference-v0", "C-cpu", parameters, 1, (), seeds, evaluation_seeds)


@pytest.mark.parametrize("task", [0, 1, 2, 3, 4, 1000])
def test_the_task_of_an_evaluation_seed(task: int) -> None:
    assert task_of(seed_pair(task).eval) == task
    assert task_of(seed_pair(task).dev) is None


def test_agents_are_compared_on_the_tasks_that_have_the_studys_seeds(tmp_path: Path) -> None:
    make_objective(request(tmp_path, (21, 999), (1337, 777))).check_agent("scripted:defaults")
    with pytest.raises(InfrarayError, match="unknown agent scripted:default"):
        make_objective(request(tmp_path, (21,), (1337,))).check_agent("scripted:default")
    for seeds, evaluation_seeds in (((21,), (428,)), ((21,), (5,))):
        with pytest.raises(InfrarayError, match=r"evaluation seed \d+ and a development seed are not those of a task"):
            make_objective(request(tmp_path, seeds, evaluation_seeds)).check_agent("scripted:defaults")
