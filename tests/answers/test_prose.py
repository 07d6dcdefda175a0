"""Prose is an answer where it chooses exactly one candidate, not where it only speaks of one."""

import pytest

from infraray.answers import Choice, read_answer
from infraray.errors import InvalidAction

SERVER = Choice("server", 5)
QUALITY = Choice("quality", 6, also=("quality_level",))
ADMIT = Choice("admit", 2, values={"bypass": 0, "admit": 1})
EVICT = Choice(
    "evict",
    5,
    also=("number", "candidate"),
    values={"bypass": 0, "admit": 1},
    refused={"admit": "the object does not fit"},
    unwanted=("keep", "retain", "protect"),
)


def test_sentence_that_chooses_is_read():
    for sentence in (
        "I think {} would be the best choice.",
        "Based on the queue lengths, I would send this job to {}.",
        "Looking at the queues and rates, {} looks best.",
        "The best option is {}.",
        "{} has the least work left.",
        "{} will finish it earliest.",
        "{} minimizes the expected completion time.",
        "Route this request to {}, please.",
        "I will go with {} since it is idle.",
        "Use {}: it is idle.",
        "{} - shortest queue.",
        "{} (0 jobs, rate 3.0)",
        "{} gets the job.",
        "{} it is!",
        "Therefore, the job should be sent to {}.",
        "The job should go to **{}** because it has the lowest load.",
        "Of all the servers, {} has the fewest jobs.",
        "I am sending the job to {}, which is idle.",
        "{} is currently idle, so I choose {}.",
        "{}'s queue is the shortest.",
        "{} has no jobs.",
        "{} has 0 work left and the highest rate.",
        "Sure! I'd take {}.",
        "Action: choose {}",
        "Answer: I would choose {}.",
        "Answer: {} is the best choice.",
    ):
        for server in range(5):
            text = sentence.replace("{}", f"server {server}")
            assert read_answer(text, SERVER) == server, text


def test_sentence_that_only_speaks_of_a_candidate_is_no_choice():
    for sentence in (
        "{} is overloaded.",
        "{} is down.",
        "{} fails.",
        "{} has the longest queue.",
        "{} is the slowest.",
        "{}'s queue is the longest.",
        "{} would be a mistake.",
        "{} is ruled out.",
        "{} is out of the question.",
        "The slowest is {}.",
        "I rule out {}.",
        "I reject {}.",
        "I considered {} but rejected it.",
        "Stay away from {}.",
        "I hesitate to use {}.",
        "{} needs 3 s.",
        "At most {}.",
        "Any below {}.",
        "{} or lower",
        "{}+",
        "I came from {}.",
        "Answer: around {}",
    ):
        for server in range(5):
            text = sentence.format(f"server {server}")
            with pytest.raises(InvalidAction, match="from 0 to 4"):
                read_answer(text, SERVER)


@pytest.mark.parametrize(
    "text",
    [
        "servers: 2",
        "The number of servers is 2.",
        "I choose 2 servers",
        "I choose 2 of them.",
        "Answer: > 2",
        "server > 2",
        "server >= 2",
        "<queue>2</queue>",
        '<parameter name="queue">2</parameter>',
        "Answer: 3\nWait, actually answer: 2",
        "Answer: 3. No, the answer is 2.",
    ],
)
def test_number_of_something_else_is_no_choice(text):
    with pytest.raises(InvalidAction):
        read_answer(text, SERVER)


def test_amounts_are_no_quality_and_may_explain_one():
    for text in ("quality 3 Mbps", "quality: 3 Mbps", "3 Mbps", "Answer: 3 Mbps", "quality 3 chunk 4", "quality 1850"):
        with pytest.raises(InvalidAction):
            read_answer(text, QUALITY)
    for text in ("Quality 3 (1850 kbps)", "Answer: 3 (1850 kbps)", "Answer: 3 (1.85 Mbps)", "Set the quality to 3."):
        assert read_answer(text, QUALITY) == 3


def test_words_are_read_with_what_denies_them():
    for text in ("Admit it.", "Yes, admit.", "Do not bypass.", "It makes sense to admit it.", "Admit is best."):
        assert read_answer(text, ADMIT) == 1
    for text in ("Do not admit.", "No, don't admit.", "No, I would not admit it.", "Never admit.", "Bypass it."):
        assert read_answer(text, ADMIT) == 0
    for text in (
        "I admit that the object is large.",
        "I must admit this is hard.",
        "I'd hesitate to admit.",
        "I am reluctant to admit it.",
        "It would be foolish to admit it.",
        "It makes little sense to admit it.",
        "Admit is a mistake.",
        "Admit only objects that are hot.",
        "Admit later.",
        "Unlikely to admit",
        "non-admit",
    ):
        with pytest.raises(InvalidAction):
            read_answer(text, ADMIT)


def test_what_is_kept_is_not_evicted():
    for text in ("Keep candidate 3.", "I would retain candidate 3 in the cache.", "Candidate 3 is hot, keep it."):
        with pytest.raises(InvalidAction):
            read_answer(text, EVICT)
    assert read_answer("Evict candidate 3", EVICT) == 3


def test_admitting_is_what_an_eviction_is_for():
    for text in ('{"evict": 3, "admit": true}', '{"bypass": false, "evict": 3}', "Evict 3 and admit the object."):
        assert read_answer(text, EVICT) == 3
    for text in ('{"evict": 0, "admit": true}', '{"evict": 3, "bypass": true}', '{"admit": true}'):
        with pytest.raises(InvalidAction):
            read_answer(text, EVICT)


@pytest.mark.parametrize(
    "text",
    [
        '{"server": 2, // idle, it\'s "free" }\n "reason": "server 4 is slow"}',
        '{"server": 2 /* not 3 */}',
        '{\n  "server": 2, # the fastest\n}',
        r"""{"server": 2, "reason": "it\'s idle, a \\ and server 4 is not"}""",
        'Answer: ```json\n{"server": 2}\n```',
        'Answer: ```json\n{\n  "server": 2\n}\n```\nServer 4 is slow.',
        '{"selected_server": 2}',
        '{"chosenServer": 2}',
        '{"name": "act", "arguments": "{\\"server\\": 2}"}',
        '{"action": "Final Answer", "action_input": {"server": 2}}',
        "<function=act><parameter=server>2</parameter></function>",
        '<function_calls><invoke name="act"><parameter name="server">2</parameter></invoke></function_calls>',
        "<server>2</server>",
        "2<end_of_turn>",
        "<start_of_turn>model\n2<end_of_turn>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n2<|eot_id|>",
        "[/INST] 2</s>",
    ],
)
def test_forms_of_models_families_are_read(text):
    assert read_answer(text, SERVER) == 2


def test_object_that_is_argued_against_or_asked_about_is_no_choice():
    for text in (
        'Never take {"server": 2}',
        'I would not answer {"server": 2}. I am not sure.',
        'Answer: not {"server": 2}',
        'Answer: anything but {"server": 2}',
        'Should it be {"server": 2}?',
    ):
        with pytest.raises(InvalidAction, match="not to do"):
            read_answer(text, SERVER)
    for text in (
        'Server 4 is not idle, so {"server": 2}',
        'I am not sure, but {"server": 2}',
        'No explanation: {"server": 2}',
        '{"server": 2}\nDo you want to know why?',
    ):
        assert read_answer(text, SERVER) == 2
