"""Every strategy gives the environment what the model said, and every scenario reads it as the model meant it."""

import asyncio
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infraray
from infraray.agents import Briefing
from infraray.agents.chat.completion import Completion
from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.strategies import strategies
from infraray.testing.answers import AFTER, BEFORE, DRESSES, THOUGHT_MARKS
from infraray.testing.playing import Draws, plain

SCENARIOS = {
    "load_balance": {},
    "abr": {},
    "caching": {},
    "caching admission": {"preset": "admission"},
    "routing": {},
}


def environment_of(name):
    environment = infraray.make(name.split()[0], **SCENARIOS[name])
    if name != "routing":  # which has its words without a network
        environment.reset(seed=3)
    return environment


ENVIRONMENTS = {name: environment_of(name) for name in SCENARIOS}


def action_of(strategy, environment, said, finish_reason="stop"):
    """What the strategy makes of a reply."""

    async def send(messages, options):
        return Completion(said, None, None, finish_reason, 1, 1, 0.1, None)

    briefing = Briefing.of(environment, 0)
    dialogue = Dialogue([], send, {})
    return asyncio.run(strategies[strategy](briefing, {}, 4).decide(dialogue))


def pairs(environment, seed):
    draw = Draws(environment, seed)
    drawn = [environment.check_action(draw()) for _ in range(40)]
    return next((a, b) for a, b in itertools.pairwise(drawn) if plain(a) != plain(b))


@pytest.mark.parametrize("strategy", sorted(strategies))
@pytest.mark.parametrize("name", SCENARIOS)
@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    dress=st.sampled_from(DRESSES),
    before=st.sampled_from(["", f"{BEFORE}\n\n", "Thought: Let me see.\n"]),
    after=st.sampled_from(["", f"\n\n{AFTER}"]),
    marks=st.sampled_from([("", ""), *THOUGHT_MARKS]),
    nested=st.booleans(),
)
def test_answer_stays(strategy, name, seed, dress, before, after, marks, nested):
    environment = ENVIRONMENTS[name]
    action, other = pairs(environment, seed)
    said, unsaid = environment.say_action(action), environment.say_action(other)
    if nested:
        said = json.dumps({"reason": f"rather than {unsaid}", **json.loads(said), "others": [json.loads(unsaid)]})
    begin, end = marks
    thought = f"{begin}Answer: {unsaid}{end}" if begin else ""
    if "nswer" not in dress and "{" not in said:
        before = after = ""  # a bare value is one alone
    reply = f"{thought}{before}\n{dress.format(said)}{after}"
    assert plain(environment.parse_action(action_of(strategy, environment, reply))) == plain(action), reply


@pytest.mark.parametrize("strategy", sorted(strategies))
@pytest.mark.parametrize("name", SCENARIOS)
def test_answer_that_was_cut_counts_only_where_it_is_whole(strategy, name):
    environment = ENVIRONMENTS[name]
    action, other = pairs(environment, 0)
    said, unsaid = environment.say_action(action), environment.say_action(other)
    for reply in (f"Perhaps {unsaid}. Now if", f"Answer: {said[:-1]}", f"Action: answer[{said[:-1]}", said[:-1]):
        with pytest.raises(infraray.InvalidAction):
            environment.parse_action(action_of(strategy, environment, reply, "length"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_said_of_every_action_is_read_back(name):
    environment = ENVIRONMENTS[name]
    draw = Draws(environment, 1)
    for _ in range(200):
        action = environment.check_action(draw())
        assert plain(environment.parse_action(environment.say_action(action))) == plain(action)
