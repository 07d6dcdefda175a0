"""Every task has one answer that is safe, that plain NetworkX code finds, and that no constant answer often meets."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict

import networkx
import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.constraints import violations
from infraray.scenarios.capacity_planning.generator import SMALL, Shape, generate
from infraray.scenarios.capacity_planning.tasks import PlanningTask, generate_task
from infraray.scenarios.capacity_planning.templates import LEVELS, templates
from infraray.scenarios.capacity_planning.topology import Topology
from infraray.scenarios.capacity_planning.truth import truth_code
from infraray.scenarios.capacity_planning.words import AnswerFormat

TABLE_4 = {
    1: {"add", "remove", "update", "count", "list", "rank"},
    2: {"remove-count", "remove-list", "remove-rank"},
    3: {"add-count", "add-list", "add-rank"},
}


@pytest.fixture(scope="module")
def small() -> Topology:
    return generate(SMALL, seed=0)


@pytest.fixture(scope="module")
def medium() -> Topology:
    return generate(Shape(superblocks=2, spineblocks=2), seed=0)


def answered(task: PlanningTask, topology: Topology, answer_format: AnswerFormat = AnswerFormat.PLAIN):
    """What the truth's code returns, and the graph that it leaves."""
    names: dict = {}
    exec(truth_code(task, answer_format), names)
    graph = topology.to_networkx()
    return names["process_graph"](graph), graph


@pytest.mark.parametrize("level", LEVELS)
def test_truth_is_safe_and_plain_code_finds_it(small, level):
    before = copy.deepcopy(small.to_data())
    for seed in range(250):
        task = generate_task(small, level, seed)
        assert small.to_data() == before
        after = small.copy()
        after.apply(task.expected.changes)
        assert violations(after) == (), task.question
        answer, graph = answered(task, small)
        assert answer is graph if task.expected.kind == "graph" else answer == task.expected.value, task.question
        edges = (((start, end), relationships) for start, end, relationships in graph.edges(data="type"))
        assert Topology.of(graph.nodes.items(), edges).to_data() == after.to_data()


@pytest.mark.parametrize("level", LEVELS)
def test_truth_in_the_public_benchmarks_form_says_the_same(small, level):
    for seed in range(30):
        task = generate_task(small, level, seed)
        returned, graph = answered(task, small, AnswerFormat.NETARENA)
        rebuilt = networkx.node_link_graph(returned["updated_graph"])
        assert dict(rebuilt.nodes) == dict(graph.nodes) and dict(rebuilt.edges) == dict(graph.edges)
        expected = returned["updated_graph"] if task.expected.kind == "graph" else task.expected.value
        assert returned["data"] == expected
        assert returned["type"] == {"number": "text"}.get(task.expected.kind, task.expected.kind)


@pytest.mark.parametrize("level", LEVELS)
def test_equal_seeds_are_equal_tasks_and_other_seeds_are_others(small, level):
    tasks = [generate_task(small, level, seed) for seed in range(250)]
    assert [generate_task(small, level, seed) for seed in range(0, 250, 50)] == tasks[::50]
    assert len({task.steps for task in tasks}) == len({task.question for task in tasks}) == 250
    assert 0.22 < sum(task.held_out for task in tasks) / 250 < 0.46
    assert {task.label for task in tasks} == {template.label for template in templates(level)}


def test_the_first_levels_have_the_labels_of_table_4():
    assert {level: {template.label for template in templates(level)} for level in TABLE_4} == TABLE_4


@pytest.mark.parametrize("level", LEVELS)
def test_no_constant_answer_is_often_right(medium, level):
    answers: defaultdict[str, list[str]] = defaultdict(list)
    for seed in range(100 * len(templates(level))):
        task = generate_task(medium, level, seed)
        answers[task.label].append(repr((task.expected.value, task.steps if task.expected.kind == "graph" else None)))
    for label, given in answers.items():
        [(answer, times)] = Counter(given).most_common(1)
        assert times <= 0.1 * len(given), (label, answer)


@pytest.mark.parametrize("level", LEVELS[1:])
def test_changes_matter_for_the_answer(small, level):
    for seed in range(100):
        task = generate_task(small, level, seed)
        if task.expected.changes:
            *_, question = task.steps
            try:
                assert question.execute(small) != task.expected.value
            except KeyError:
                assert "new_" in task.question


def test_too_small_a_topology_is_an_error_in_words():
    tiny = generate(Shape(1, 1, 1, 1, 1, 1, 1), seed=0)
    with pytest.raises(InfrarayError, match=r"level=2: seed 0 finds nothing .* choose a larger topology"):
        generate_task(tiny, 2, 0)
