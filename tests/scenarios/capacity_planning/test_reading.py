"""Questions can be read in one way: a grammar that has only their text finds the steps that they were made of."""

from __future__ import annotations

import pytest

from infraray.scenarios.capacity_planning.generator import SMALL, generate
from infraray.scenarios.capacity_planning.reading import Grammar, UnknownPhrasing
from infraray.scenarios.capacity_planning.tasks import generate_task
from infraray.scenarios.capacity_planning.templates import LEVELS


@pytest.mark.parametrize("level", LEVELS)
def test_steps_are_read_from_the_text(level):
    topology = generate(SMALL, seed=2)
    known, every = Grammar(held_out=False), Grammar(held_out=True)
    for seed in range(300):
        task = generate_task(topology, level, seed)
        assert every.question(task.question) == task.steps
        if not task.held_out:
            assert known.question(task.question) == task.steps
            continue
        with pytest.raises(UnknownPhrasing):
            known.question(task.question)


@pytest.mark.parametrize(
    "text",
    ["", "Return the updated graph.", "Please remove `a`. Return the updated graph.", "Delete `a`. Return nothing."],
)
def test_other_text_is_not_read(text):
    with pytest.raises(UnknownPhrasing):
        Grammar(held_out=True).question(text)
