"""The capacity-planning environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from infraray import isolation
from infraray.answers.native import plain
from infraray.environment import TEXT_CHARACTERS, Environment, Measures, Outcome, Score, Task
from infraray.errors import InvalidAction
from infraray.isolation.packages import missing_packages
from infraray.observation import ObservedField
from infraray.scenarios.capacity_planning.answer import read_program
from infraray.scenarios.capacity_planning.code_block import CodeBlock
from infraray.scenarios.capacity_planning.datacenters import grader_of
from infraray.scenarios.capacity_planning.generator import SMALL
from infraray.scenarios.capacity_planning.grading import Verdict
from infraray.scenarios.capacity_planning.grading.grader import PACKAGES
from infraray.scenarios.capacity_planning.parameters import COUNTS, CapacityPlanningParameters
from infraray.scenarios.capacity_planning.programs import Programs, program
from infraray.scenarios.capacity_planning.tasks import PlanningTask, generate_task
from infraray.scenarios.capacity_planning.templates import LEVELS
from infraray.scenarios.capacity_planning.words import rules
from infraray.solution_score import solution_score

REPAIRED = -0.1
UNSAFE = -0.5
"""Rewards of a turn that needs a repair, and of an unsafe one beside."""

SHOWN_CHARACTERS = 1000
"""Of what the code printed, as it is told."""

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


class CapacityPlanning(Environment):
    """Answer questions about a datacenter's topology, and change it, by writing code.

    ## Description
    A topology of a datacenter fabric is a graph of some thousand nodes. A question asks for a number, a list, a
    ranking or a change of it, or for several things in a row; the agent answers with a Python function
    ``process_graph(graph_data)`` that gets the graph and returns the answer. The code runs in isolation, in a fresh
    fork of an interpreter that has NetworkX, NumPy and pandas loaded; its answer and its changes of the graph are
    compared exactly with what the question's own operations give.

    Entities and relationships are MALT's (Mogul et al., NSDI 2020). The graph has the counts of MALT's public example:
    6,133 entities with 7,064 relationships; those that share a name (a switch, its chassis and its control point) are
    one node of several kinds, so that there are 5,493 nodes and 6,424 edges, among them 320 switches with 5,120 ports.
    Capacities differ from port to port. The preset ``small`` has 56 nodes; other counts are parameters, and ``model``
    reads a MALT model instead. Names are dotted: ``dc1.sb2.ab3.sw7.p4`` is port 4 of switch 7 in aggregation block 3
    of superblock 2.

    Tasks are drawn without end from the seed, out of six operations (add, remove, update, count, list, rank). Levels 1
    to 3 have the twelve labels of NetArena's table 4: one operation; a removal with a question; an addition with a
    question. Level 4 has sequences, conditions and loops, level 5 loops with conditions, each with a question. Every
    truth was executed when its task was made, keeps to all constraints, and is not what the graph without the changes
    would give. A third of the tasks are said in phrasings that the agent ``grammar`` does not know.

    ## Observation
    | field | size | unit | meaning |
    |---|---|---|---|
    | turns_left | 1 | 1 | answers that may still be given |

    The text gives the question, and what became of the last answer: an error with its line, a violated constraint, a
    limit, and what the code printed. The description has the hierarchy and the rules by which every question has one
    answer: what a removal does to what hangs below, what a new switch brings, how ties rank.

    ## Actions
    A program, ``{"code": ...}``, in words one block of Python in a fence, with prose around it or not; helpers may
    stand in blocks of their own. Two different blocks that define ``process_graph`` are invalid. The default action
    returns the graph as it is. With ``answer_format: plain`` the function changes the graph that it gets and returns
    the answer; with ``netarena`` it returns the public benchmark's dict of ``type``, ``data`` and ``updated_graph``.

    ## Reward
    1 for a right answer and 0 for a wrong one; for an answer that fails, -0.1, and for one that leaves an unsafe
    graph, -0.6.

    ## Parameters
    model; superblocks, agg_blocks_per_superblock, switches_per_agg_block, spineblocks, switches_per_spineblock,
    ports_per_switch, switches_per_rack, capacities_seed; answer_format, max_turns; code_time_s, code_memory_mib. Ranges
    and defaults: `CapacityPlanningParameters`. Presets: ``small``, and ``netarena`` (its format, one turn).

    ## Episode end
    With an answer that runs and leaves a safe graph, whether it is right or not, and after ``max_turns`` answers. Each
    starts with the graph as it was. An answer that fails or is unsafe is told so and may be repaired; whether an
    answer is right is not told before the end.

    A right answer has the value and its type (1, 1.0, True and "1" are four values; NumPy's scalars count as Python's),
    and leaves the graph with exactly the nodes, attributes, directions and types of edges that are to be there. Safe is
    a graph that keeps to seven constraints: valid types, valid edges, the hierarchy, no isolated node, a capacity for
    every port, a port for every switch, and 10 Gbit/s for every switch. The score is 1 for a right answer, less up to a
    quarter for the turns that it took, halved if any answer was unsafe; 0 for others, the floor. The bound is 1.

    Failures are those of NetArena's table 2: ``safety_violation``; ``control_logic_error``, an answer that runs and is
    wrong; ``operational_error``, code that gives no answer (an error, a limit, what is no data). ``metrics`` counts
    turns and unsafe ones, and says whether the phrasings were held out. Each step keeps its outcome and the reason,
    which for a wrong answer is the first difference, and the seconds that the code took (``code_s``; the model's are
    the step's ``latency_s``); the first step also the task's label.

    ## Baselines
    random (guesses), constant (the guess that is right most often for the form of the answer), grammar (reads the
    phrasings that it knows), expert (reads all).

    ## Source
    The capacity planning application of NetArena (sections 3, 4.2 and B, tables 2 and 4). Its public implementation
    compares undirected graphs by isomorphism, in 20 s and more, and is solved by a grammar of its ten templates.
    """

    scenario = "capacity_planning"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "small": {name: getattr(SMALL, name) for name in COUNTS},
        "netarena": {"answer_format": "netarena", "max_turns": 1},
    }
    score = Score("solved", "1", higher_is_better=True, low=0.0, high=1.0)
    levels = LEVELS
    expert = "scripted:expert"
    blocking: ClassVar[bool] = True
    Parameters = CapacityPlanningParameters
    parameters: CapacityPlanningParameters

    @classmethod
    def problem(cls) -> str | None:
        """What of the extra's packages is missing, or why code cannot be isolated."""
        missing = missing_packages(PACKAGES)
        if missing:
            return f"capacity_planning needs {', '.join(missing)}: pip install 'infraray[capacity]'"
        return isolation.problem()

    def parts(self) -> tuple[Any, ...]:
        """What runs in the interpreter."""
        return ("infraray.scenarios.capacity_planning.grading.inside", "infraray.isolation.inside.__main__")

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """The turns left."""
        return (ObservedField("turns_left", 1, "1", "answers that may still be given", high=100.0),)

    def make_action_space(self) -> Programs:
        """A program."""
        return Programs()

    def describe_task(self) -> str:
        """The aim, the terms, and what counts."""
        return (
            "You plan the capacity of a datacenter. Its topology is a graph, and you answer a question about it, or "
            "carry out a change of it, by a Python function that works on the graph.\n"
            f"{rules(self.parameters.format)}\n"
            "Whatever is changed, a graph must keep to this: the hierarchy above; types and relationships as they are "
            "named there; no node without an edge to another one; every port with a capacity of at least 1 Gbit/s; "
            "every packet switch with a port, and with ports of at least 10 Gbit/s together. Others are unsafe."
        )

    def describe_actions(self) -> str:
        """How a program is written, and what becomes of it."""
        turns = self.parameters.max_turns
        repair = (
            f" If it fails, or leaves an unsafe graph, you are told so and may repair it, up to {turns} answers in "
            "all; any other answer is final, and fewer are better."
            if turns > 1
            else " The answer is final."
        )
        return (
            "Answer with one block of Python in a fence (```python) that defines process_graph(graph_data). NetworkX, "
            "NumPy, pandas and the standard library can be imported; there are no files and no network, and the code "
            f"may take {self.parameters.code_time_s:g} s and {self.parameters.code_memory_mib} MiB. Each answer starts "
            f"with the graph as it was.{repair}"
        )

    def begin(self, task: Task) -> None:
        """Draws the question."""
        with grader_of(self.parameters).topology() as topology:
            self._question: PlanningTask = generate_task(topology, task.level, task.seed)
        self._verdicts: list[Verdict] = []

    def numbers(self) -> NDArray[np.float64]:
        """The turns left."""
        return np.array([self.parameters.max_turns - len(self._verdicts)], np.float64)

    def words(self) -> str:
        """The question, and what became of the last answer."""
        left = self.parameters.max_turns - len(self._verdicts)
        lines = [f"Question: {self._question.question}", f"{left} answer{'s are' if left != 1 else ' is'} left."]
        if self._verdicts:
            lines += ["", describe(self._verdicts[-1])]
        return "".join(character if character in TEXT_CHARACTERS else "?" for character in "\n".join(lines))

    def advance(self, action: dict[str, Any]) -> Outcome:
        """Runs a program and grades what came of it."""
        verdict = grader_of(self.parameters).grade(action["code"], self._question.expected, self.parameters.format)
        self._verdicts.append(verdict)
        final = verdict.outcome in ("correct", "wrong")
        reward = float(verdict.correct) if final else REPAIRED + (UNSAFE if verdict.safe is False else 0.0)
        facts: dict[str, Any] = {"outcome": verdict.outcome, "reason": _steady(verdict.reason)}
        if len(self._verdicts) == 1:
            facts |= {"label": self._question.label, "held_out": self._question.held_out}
        over = final or len(self._verdicts) == self.parameters.max_turns
        took = {"code_s": verdict.latency_s}
        return Outcome(reward, terminated=over, safe=verdict.safe is not False, extra=facts, timing=took)

    def answer_form(self) -> CodeBlock:
        """A program in a fence."""
        return CodeBlock()

    def parse_action(self, text: str) -> dict[str, Any]:
        """Reads the program."""
        return self.check_action(read_program(text))

    def check_action(self, action: Any) -> dict[str, Any]:
        """A program that is not blank."""
        action = plain(self.action_space, action)
        if not self.action_space.contains(action):
            raise InvalidAction('the action is not of the form {"code": "def process_graph(graph_data): ..."}')
        return {"code": str(action["code"])}

    def default_action(self) -> dict[str, Any]:
        """A program that changes nothing."""
        return {"code": program("graph_data")}

    def measure(self) -> Measures:
        """Whether the answer is right, and how it was come by."""
        turns = len(self._verdicts)
        if not turns:
            return Measures(0.0, False, True)
        unsafe = sum(verdict.safe is False for verdict in self._verdicts)
        correct = self._verdicts[-1].correct
        used = (turns - 1) / max(1, self.parameters.max_turns - 1)
        score = solution_score(float(correct), unsafe > 0, used)
        metrics = {"turns": float(turns), "unsafe_turns": float(unsafe), "held_out": float(self._question.held_out)}
        return Measures(score, correct, not unsafe, metrics, self._failure(unsafe, correct))

    def _failure(self, unsafe: int, correct: bool) -> str | None:
        """The kind of failure (NetArena, table 2)."""
        if unsafe:
            return "safety_violation"
        if correct:
            return None
        return "control_logic_error" if self._verdicts[-1].outcome == "wrong" else "operational_error"

    def floor(self) -> float:
        """Of no answer."""
        return 0.0

    def bound(self) -> float:
        """Of the truth's own code, which is right and safe in one turn."""
        return 1.0


def describe(verdict: Verdict) -> str:
    """What an agent is told of an answer; not how a wrong one differs from the right one."""
    told = {
        "correct": "Your last answer was right.",
        "wrong": "Your last answer was wrong.",
        "unsafe": f"Your last answer leaves an unsafe graph: {verdict.reason}.",
    }.get(verdict.outcome, f"Your last answer gave no result: {verdict.reason}.")
    if not verdict.printed:
        return _steady(told)
    printed = verdict.printed[:SHOWN_CHARACTERS]
    return _steady(f"{told}\nIt printed:\n{printed}")


def _steady(text: str) -> str:
    """A text without addresses in memory, which differ from run to run."""
    return _ADDRESS.sub("0x...", text)
