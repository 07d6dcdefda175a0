"""A rollout asks the policy what a chat agent asks its model, and every limit ends it with what was scored so far."""

import asyncio

import pytest

from infraray.agents import Briefing
from infraray.agents.chat import ChatAgent
from infraray.training.sequences import Lengths
from infraray.training.task import TrainingTask
from tests.openai_server import Reply, Server
from tests.training.rolling import roll
from tests.training.tiny_policy import tiny_tokenizer

STEPS = 8
TASK = TrainingTask(
    scenario="load_balance", seed=3, max_steps=STEPS, parameters={"warmup_steps": 2}, chat={"max_tokens": 32}
)
SAID = '{"server": 1}'


def asking(**chat):
    return TASK.model_copy(update={"chat": {**TASK.chat, **chat}})


def test_an_episode_is_one_sequence_with_each_answer_in_it():
    rolled, policy = roll(TASK, [SAID])
    (sequence,) = rolled.sequences
    assert rolled.played.ending == "steps"
    assert sequence.turns == len(policy.prompts) == STEPS
    answer = [*policy.tokenizer.encode(SAID), policy.tokenizer.eos_token_id]
    assert sequence.generated == STEPS * len(answer)
    assert sequence.versions == (1, STEPS)
    drawn = [token for token, own in zip(sequence.response_ids, sequence.response_mask, strict=True) if own]
    assert drawn == answer * STEPS


@pytest.mark.parametrize(
    "chat",
    [
        {},
        {"memory": "last:2"},
        {"strategy": "few_shot", "examples": 2},
        {"strategy": "cot", "memory": "last:1"},
        {"strategy": "react", "tools": "calculator"},
        {"context_tokens": 1200},
        {"context_tokens": 1200, "memory": "summary"},
    ],
    ids=str,
)
def test_the_policy_is_asked_what_a_chat_agent_asks(chat):
    """Word by word, whatever the strategy and the memory. The server of the chat agent counts as the tokenizer does."""
    task = asking(**chat)
    tokenizer = tiny_tokenizer()
    answers = ["Action: calculator[2 + 2]", "Action: answer[1]"] * STEPS if "tools" in chat else [SAID]
    _, policy = roll(task, answers)
    asked = []

    def says(body):
        asked.append(tokenizer.apply_chat_template(body["messages"], tokenize=False, add_generation_prompt=True))
        prompt_tokens = len(tokenizer.encode(asked[-1], add_special_tokens=False))
        return Reply(answers.pop(0) if len(answers) > 1 else answers[0], usage={"prompt_tokens": prompt_tokens})

    async def evaluate(url):
        agent, environment = ChatAgent("m", url, **{"context_tokens": 16_000, **task.chat}), task.make_environment()
        observation, _ = environment.reset(seed=task.seed)
        agent.reset(Briefing.of(environment, 1))
        over = False
        while not over:
            turn = await agent.act(observation)
            observation, _, terminated, truncated, _ = environment.step(turn.action)
            over = terminated or truncated
        await agent.release()

    with Server(says) as server:
        asyncio.run(evaluate(server.url))
    assert policy.told == asked


def test_a_memory_that_forgets_makes_sequences_only_where_it_forgets():
    rolled, _ = roll(asking(memory="last:3"), [SAID])
    assert [sequence.turns for sequence in rolled.sequences] == [4, 1, 1, 1, 1]
    assert sum(sequence.turns for sequence in rolled.sequences) == STEPS


def test_without_room_for_a_whole_answer_the_episode_ends_with_what_was_scored():
    rolled, policy = roll(TASK, [SAID], Lengths(8000, 500))
    assert rolled.played.ending == "tokens"
    assert 0 < len(rolled.played.steps) < STEPS
    assert rolled.played.invalid == 0
    assert all(len(sequence.response_ids) <= 500 for sequence in rolled.sequences)
    assert all(options["max_tokens"] == 32 for options in policy.options)
    assert rolled.played.measures.score > 0


def test_a_task_that_is_too_long_for_the_prompt_generates_nothing():
    rolled, policy = roll(TASK, [SAID], Lengths(50, 1000))
    assert rolled.sequences == [] and policy.prompts == []
    rolled, policy = roll(TASK, [SAID], context_tokens=60)
    assert rolled.sequences == [] and policy.prompts == []


def test_a_context_that_is_full_makes_the_policy_forget_as_an_agent_does():
    rolled, policy = roll(TASK, [SAID], context_tokens=1500)
    assert len(rolled.played.steps) == STEPS
    assert len(rolled.sequences) > 1
    assert all(len(prompt) + 32 <= 1500 for prompt in policy.prompts)


def test_a_policy_that_takes_too_long_ends_the_episode_with_what_was_scored():
    count = 0

    async def before() -> None:
        nonlocal count
        count += 1
        if count == 5:
            await asyncio.sleep(60)

    rolled, _ = roll(TASK, [SAID], within_s=2.0, before=before)
    assert rolled.played.ending == "time"
    assert len(rolled.played.steps) == 4
    assert rolled.played.measures.score > 0
    assert rolled.sequences[0].turns == 4


def test_an_answer_that_is_cut_is_no_action():
    rolled, _ = roll(asking(max_tokens=4), [SAID])
    assert rolled.played.invalid == STEPS


def test_invalid_answers_are_counted_and_trained_on():
    rolled, _ = roll(TASK, ["no idea", SAID, "", SAID])
    assert rolled.played.invalid == 2
    assert rolled.sequences[0].turns == STEPS


def test_react_stops_where_it_would_make_up_an_observation():
    """What comes after the mark was generated, but is not said: the next prompt does not continue it."""
    made_up = "Action: answer[1]\nObservation: all is well"
    rolled, policy = roll(asking(strategy="react", max_tokens=64), [made_up])
    assert rolled.played.invalid == 0
    assert policy.options[0]["stop"] == ["\nObservation"]
    assert not any("all is well" in told for told in policy.told)
    assert len(rolled.sequences) == STEPS


def test_structured_output_falls_back_to_plain_text():
    rolled, _ = roll(asking(strategy="structured"), [SAID])
    assert rolled.played.invalid == 0
    assert len(rolled.sequences) == 1
