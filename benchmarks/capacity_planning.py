"""Capacity planning's speed, and that its grader tells right from wrong: `python -m benchmarks.capacity_planning`.

Prints in one run, on the full datacenter:
- the constraints after a switch with four ports was added, checked where that touched, against all again and against
  a check written with NetworkX;
- the grading of an answer that adds a switch, end to end in isolation, against NetworkX's `is_isomorphic` on the same
  graphs, which the public benchmark grades with (the fastest of 30; target: under 50 ms);
- tasks generated and validated a second of one core (target: 200), and answers graded (target: 50);
- how many truths are graded as correct and safe, and how many mutated answers as wrong for the right reason
  (target: all; `--tasks 10000` for the figures in docs/figures.md);
- how many of the seeds 0 to N give a task that no other gave, by what is to be done, not by how it is said (target:
  all; `--distinct 100000` likewise);
- the largest share of a label's tasks that one constant answers (target: at most 10 %).
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import networkx
import psutil

from benchmarks.capacity_planning_mutations import mutations
from benchmarks.table import Row, print_table
from infraray.scenarios.capacity_planning.constraints import violations, violations_after
from infraray.scenarios.capacity_planning.datacenters import grader_of
from infraray.scenarios.capacity_planning.grading import Grader
from infraray.scenarios.capacity_planning.hierarchy import RK_CONTAINS
from infraray.scenarios.capacity_planning.parameters import CapacityPlanningParameters
from infraray.scenarios.capacity_planning.tasks import PlanningTask, generate_task
from infraray.scenarios.capacity_planning.topology import Topology
from infraray.scenarios.capacity_planning.truth import truth_code
from infraray.scenarios.capacity_planning.words import AnswerFormat
from tests.reference.capacity_planning import broken

LEVELS = (1, 2, 3, 4, 5)
LABELLED = 5000
"""Tasks at least of which the constant guesses are taken: more than a hundred a label."""


def seconds(work: Callable[[], object], repetitions: int) -> float:
    """Processor seconds of the fastest repetition, as the machine is shared."""
    taken = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def add_switch(topology: Topology) -> None:
    """A switch with four ports in an aggregation block."""
    topology.add_node("new", ["EK_PACKET_SWITCH"])
    topology.add_edge("dc1.sb2.ab3", "new", RK_CONTAINS)
    for port in range(1, 5):
        topology.add_node(f"new.p{port}", ["EK_PORT"], physical_capacity_bps=10**11)
        topology.add_edge("new", f"new.p{port}", RK_CONTAINS)


def change_and_check(topology: Topology) -> None:
    """Adds the switch, checks what that touched, and takes it back."""
    with topology.changes() as changes:
        add_switch(topology)
    assert not violations_after(topology, changes.names)
    topology.undo(changes)


def checks(topology: Topology) -> list[Row]:
    """Checking what was touched, against checking all."""
    graph = topology.to_networkx()
    again = seconds(lambda: change_and_check(topology), 200)
    full = seconds(lambda: violations(topology), 10)
    by_networkx = seconds(lambda: broken(graph), 10)
    what = "capacity_planning: a switch added, constraints checked, taken back"
    ours = f"{again * 1e6:.0f} us"
    return [
        Row(what, ours, "all checked", f"{full * 1e3:.0f} ms", full / again, ""),
        Row(what, ours, "NetworkX, all", f"{by_networkx * 1e3:.0f} ms", by_networkx / again, ""),
    ]


def isomorphism(topology: Topology) -> float:
    """Processor seconds of the check that the public benchmark compares graphs with."""
    changed = topology.copy()
    add_switch(changed)
    one, other = (networkx.Graph(changed.to_networkx()) for _ in range(2))
    return seconds(lambda: networkx.is_isomorphic(one, other, node_match=lambda a, b: a == b), 1)


def tasks_of(topology: Topology, count: int) -> Iterator[PlanningTask]:
    """Tasks of all levels in turn."""
    for number in range(count):
        yield generate_task(topology, LEVELS[number % len(LEVELS)], number)


def distinct(topology: Topology, count: int) -> Row:
    """Tasks that repeat no other's steps."""
    found = {task.steps for task in tasks_of(topology, count)}
    what = f"capacity_planning: distinct tasks of seeds 0 to {count - 1}"
    return Row(what, f"{len(found)}", "tasks", f"{count}", len(found) / count, "1")


def is_graded_right(grader: Grader, task: PlanningTask) -> bool:
    """Whether the truth's own code is correct and safe."""
    verdict = grader.grade(truth_code(task), task.expected, AnswerFormat.PLAIN)
    return verdict.correct and verdict.safe is True


def processor_s() -> float:
    """Processor seconds of this process and of the interpreter that grades, with all that it forked."""
    us = psutil.Process()
    return sum(sum(process.cpu_times()[:4]) for process in (us, *us.children(recursive=True)))


def rates(grader: Grader, tasks: list[PlanningTask], generated_s: float) -> list[Row]:
    """Tasks and gradings a second, and one grading against the isomorphism."""
    adding = next(task for task in tasks if task.label == "add" and "EK_PACKET_SWITCH" in truth_code(task))
    is_graded_right(grader, adding)  # the interpreter starts
    taken = []
    for task in [adding] * 30:
        began = time.perf_counter()
        assert is_graded_right(grader, task)
        taken.append(time.perf_counter() - began)
    one = min(taken)
    began = processor_s()
    for task in tasks[:200]:
        is_graded_right(grader, task)
    rate = len(tasks[:200]) / (processor_s() - began)
    with grader.topology() as topology:
        by_networkx = isomorphism(topology)
    generated = len(tasks) / generated_s
    return [
        Row(
            "capacity_planning: an answer that adds a switch, graded",
            f"{one * 1e3:.0f} ms",
            "NetworkX, is_isomorphic alone",
            f"{by_networkx:.1f} s",
            by_networkx / one,
            "< 50 ms",
        ),
        Row(
            "capacity_planning: tasks generated, one core",
            f"{generated:.0f}/s",
            "target",
            "200/s",
            generated / 200,
            ">= 1",
        ),
        Row("capacity_planning: answers graded, one core", f"{rate:.0f}/s", "target", "50/s", rate / 50, ">= 1"),
    ]


def verdicts(grader: Grader, tasks: list[PlanningTask]) -> list[Row]:
    """Truths that are right, and mutated answers that are refused for what is wrong with them."""
    right = sum(is_graded_right(grader, task) for task in tasks)
    refused = 0
    with grader.topology() as topology:
        mutated = [mutations(topology, task)[task.seed % len(mutations(topology, task))] for task in tasks]
    for task, mutation in zip(tasks, mutated, strict=True):
        verdict = grader.grade(mutation.code, task.expected, AnswerFormat.PLAIN)
        if not verdict.correct and mutation.reason in verdict.reason:
            refused += 1
        else:
            print(f"{mutation.name} of seed {task.seed}, level {task.level}: {verdict}")
    count = len(tasks)
    return [
        Row(
            "capacity_planning: truths graded as correct and safe", f"{right}", "tasks", f"{count}", right / count, "1"
        ),
        Row(
            "capacity_planning: mutated answers refused for it", f"{refused}", "tasks", f"{count}", refused / count, "1"
        ),
    ]


def constants(tasks: list[PlanningTask]) -> Row:
    """The label that a constant answers most often."""
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for task in tasks:
        is_constant = task.expected.kind != "graph" and not task.expected.changes
        answers[f"{task.label} of level {task.level}"][repr(task.expected.value) if is_constant else task.question] += 1
    shares = {label: max(counts.values()) / counts.total() for label, counts in answers.items()}
    worst = max(shares, key=shares.__getitem__)
    what = f"capacity_planning: best constant answer, worst label ({worst})"
    return Row(what, f"{100 * shares[worst]:.1f} %", "target", "10 %", shares[worst] / 0.1, "<= 1")


def main(count: int = 1000, seeds: int = 10000) -> list[Row]:
    """The rows of one run: with so many tasks graded, and so many compared with each other."""
    grader = grader_of(CapacityPlanningParameters())
    with grader.topology() as topology:
        rows = checks(topology)
        began = time.process_time()
        tasks = list(tasks_of(topology, count))
        generated_s = time.process_time() - began
        drawn = [distinct(topology, seeds), constants(list(tasks_of(topology, max(count, LABELLED))))]
    return [*rows, *rates(grader, tasks, generated_s), *verdicts(grader, tasks), *drawn]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tasks", type=int, default=1000, help="tasks of all levels together")
    options.add_argument("--distinct", type=int, default=10000, help="seeds whose tasks are compared with each other")
    given = options.parse_args()
    print_table(main(given.tasks, given.distinct))
