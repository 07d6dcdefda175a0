"""The quality gate passes what is nearly as accurate as the reference, and nothing that was not checked."""

import threading
import time
from itertools import count

import pytest
from scipy.stats import binomtest

from infraray.scenarios.inference.quality import QualityResult, Question, Quiz, QuizAnswer, QuizAnswers
from tests.openai_server import Server


def answers(correct, asked, failed=0, quiz="quiz"):
    given = [QuizAnswer(number, number < correct, "A") for number in range(asked - failed)]
    return QuizAnswers(
        quiz, (*given, *(QuizAnswer(asked + number, False, failure="status 500") for number in range(failed)))
    )


def test_the_papers_own_example_stands_on_the_right_side():
    """128 of 500 for the reference: 0.95 of it are 121.6 (InferenceBench, appendix F, example 6)."""
    assert QualityResult(answers(122, 500), answers(128, 500)).passed
    assert not QualityResult(answers(121, 500), answers(128, 500)).passed


@pytest.mark.parametrize("reference", [20, 100, 140, 460])
def test_exactly_the_threshold_passes(reference):
    """In floating point 0.95 * 460 is above 437."""
    correct = reference * 95 // 100
    assert QualityResult(answers(correct, 500), answers(reference, 500)).passed
    assert not QualityResult(answers(correct - 1, 500), answers(reference, 500)).passed


@pytest.mark.parametrize(
    ("mine", "theirs", "reason"),
    [
        (None, answers(9, 10), "not checked: the server was not asked"),
        (answers(9, 10), None, "not checked: the reference was not asked"),
        (answers(0, 0), answers(0, 0), "not checked: the server was not asked"),
        (answers(9, 10, failed=1), answers(9, 10), "not complete: the server left 1 of 10 questions unanswered"),
        (answers(9, 10), answers(9, 10, failed=1), "not complete: the reference left 1 of 10"),
        (answers(9, 10), answers(9, 10, quiz="other"), "different questions"),
        (answers(10, 10), answers(0, 10), "the reference answers none of 10 questions rightly"),
    ],
)
def test_what_was_not_checked_is_never_a_pass(mine, theirs, reason):
    result = QualityResult(mine, theirs)
    assert not result.passed and not result.too_inaccurate and reason in result.reason


@pytest.mark.parametrize(("correct", "asked"), [(0, 10), (5, 20), (128, 500), (499, 500), (10, 10)])
def test_the_interval_is_wilsons(correct, asked):
    expected = binomtest(correct, asked).proportion_ci(0.95, "wilson")
    assert answers(correct, asked).interval == pytest.approx((expected.low, expected.high))


QUESTIONS = tuple(
    Question(number, f"Question {number}?", ("yes", "no"), "AB"[number % 2], "all") for number in range(60)
)


def test_a_quiz_counts_right_wrong_and_mute_answers_and_failures():
    def answer(body):
        assert body["temperature"] == 0 and body["stream"]
        number = int(body["messages"][0]["content"].split("Question ")[1].split("?")[0])
        if number >= 57:
            return 500
        return ("The answer is (A).", "perhaps B", "")[number % 3]

    with Server(answer) as server:
        found = Quiz(QUESTIONS).ask(server.url, "model")
    assert [answer.question_id for answer in found.answers] == list(range(60))
    assert found.correct == sum(("A", "B", None)[number % 3] == "AB"[number % 2] for number in range(57))
    assert found.levels == {"stated": 19, "isolated": 19, None: 19}
    assert found.failures.total() == 3 and not found.complete
    assert "500" in next(iter(found.failures))


def test_a_server_that_is_not_there_or_breaks_down_leaves_questions_unanswered():
    assert Quiz(QUESTIONS).ask("http://127.0.0.1:1/v1", "model").failures.total() == 60
    with Server("A" if number < 10 else 503 for number in count()) as server:
        assert Quiz(QUESTIONS).ask(server.url, "model").failures.total() == 50


@pytest.mark.parametrize("answered", [0, 40])
def test_a_server_that_stops_answering_fails_the_gate_in_one_line_and_in_time(answered):
    """At once, where the first ones already wait in vain."""
    calls, over, began = count(), threading.Event(), time.monotonic()

    def answer(body):
        if next(calls) >= answered:
            over.wait(60)
        return "A"

    with Server(answer) as server:
        try:
            found = Quiz(QUESTIONS).ask(server.url, "model", request_timeout_s=0.5)
        finally:
            over.set()
    assert time.monotonic() - began < 10
    assert len(found.answers) == 60 and found.failures.total() >= 20
    assert next(calls) <= (32 if answered == 0 else 60)
    result = QualityResult(found, answers(60, 60))
    assert not result.passed and "\n" not in result.reason
    assert "unanswered" in result.reason and "no end within 0.5 s" in result.reason


def test_questions_are_asked_one_at_a_time_where_that_is_asked_for():
    under_way, most, lock = [0], [0], threading.Lock()

    def answer(body):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.002)
        with lock:
            under_way[0] -= 1
        return "A"

    with Server(answer) as server:
        assert Quiz(QUESTIONS).ask(server.url, "model", concurrency=1).complete
    assert most[0] == 1


def test_quizzes_are_equal_only_if_all_that_is_asked_is():
    quiz = Quiz(QUESTIONS)
    others = (Quiz(QUESTIONS[1:]), Quiz(QUESTIONS, max_tokens=5))
    assert len({quiz.sha256, *(other.sha256 for other in others)}) == 3
    assert quiz.sha256 == Quiz(QUESTIONS).sha256
