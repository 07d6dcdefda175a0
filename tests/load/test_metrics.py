"""The formulas, on answers whose figures can be worked out by hand."""

import math
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.load.metrics import Metrics, compute_metrics, distribution, higher_is_better, score
from infraray.load.responses import Response
from infraray.load.workloads import ServiceLevel


def response(**changes: Any) -> Response:
    """Due at 1 s, sent at 1.5, first text at 2, then every 0.25 s, the fifth and last at 3, closed at 3.1."""
    return Response(
        **{
            "request": 0,
            "due_s": 1.0,
            "sent_s": 1.5,
            "first_chunk_s": 1.6,
            "text_times_s": (2.0, 2.25, 2.5, 2.75, 3.0),
            "last_s": 3.0,
            "finished_s": 3.1,
            "text": "one " * 5,
            "finish_reason": "length",
            "asked_tokens": 5,
            "prompt_tokens": 3,
            "output_tokens": 5,
            "text_tokens": 5,
            "send_lag_s": 0.0,
            "receive_lag_s": 0.0,
            "failure": None,
            "reason": "",
            **changes,
        }
    )


def failed(**changes: Any) -> Response:
    return response(failure="refused", text_times_s=(), last_s=None, **changes)


def test_one_answer() -> None:
    metrics = compute_metrics([response()])
    assert metrics.ttft_s.mean == 1.0
    assert metrics.ttft_from_send_s.mean == 0.5
    assert metrics.tpot_s.mean == 0.25
    assert metrics.itl_s.mean == 0.25 and metrics.itl_s.count == 4
    assert metrics.e2e_s.mean == 2.0 and metrics.e2e_from_send_s.mean == 1.5
    assert metrics.wall_s == 3.1
    assert metrics.request_throughput == pytest.approx(1 / 3.1)
    assert metrics.output_throughput == pytest.approx(5 / 3.1)
    assert metrics.generation_throughput == 4.0  # 4 tokens in the second after the first


def test_several_tokens_in_an_event_do_not_change_the_time_per_token() -> None:
    # Speculative decoding: 5 tokens in 3 events.
    metrics = compute_metrics([response(text_times_s=(2.0, 2.5, 3.0))])
    assert metrics.tpot_s.mean == 0.25
    assert metrics.itl_s.mean == 0.5


def test_an_answer_of_one_token_has_no_time_per_token() -> None:
    one = response(text_times_s=(2.0,), last_s=2.0, output_tokens=1, asked_tokens=1)
    metrics = compute_metrics([one, response()])
    assert metrics.tpot_s.count == 1 and metrics.ttft_s.count == 2
    assert math.isnan(compute_metrics([one]).tpot_s.mean)


def test_failures_count_for_nothing_but_the_time_they_took() -> None:
    metrics = compute_metrics([response(), failed(finished_s=10.0), failed(sent_s=None, finished_s=4.0)])
    assert metrics.requests == 3 and metrics.completed == 1
    assert metrics.failures == {"refused": 2}
    assert metrics.request_throughput == 0.1
    assert metrics.ttft_s.count == 1


def test_nothing_that_succeeded_is_no_number_and_the_worst_score() -> None:
    metrics = compute_metrics([failed()])
    assert math.isnan(metrics.ttft_s.mean) and metrics.request_throughput == 0
    assert score("ttft", [metrics]) == score("tpot", [metrics]) == math.inf
    assert score("request_throughput", [metrics]) == score("balanced", [metrics]) == 0
    assert metrics.to_json()["ttft_s"]["mean"] is None


def test_goodput_counts_those_that_meet_every_stated_limit() -> None:
    slow = response(text_times_s=(2.9, 3.0), last_s=3.0)
    answers = [response(), slow, failed()]
    for level, good in (
        (ServiceLevel(ttft_s=1.0), 1),
        (ServiceLevel(ttft_s=5.0), 2),
        (ServiceLevel(tpot_s=0.1), 1),
        (ServiceLevel(ttft_s=1.0, tpot_s=0.1), 0),
        (ServiceLevel(e2e_s=2.0), 2),
    ):
        assert compute_metrics(answers, level).goodput == pytest.approx(good / 3.1)
    assert compute_metrics(answers).goodput is None


def test_percentiles_interpolate() -> None:
    summary = distribution([float(value) for value in range(101)])
    assert (summary.mean, summary.p50, summary.p90, summary.p99, summary.max) == (50, 50, 90, 99, 100)


def test_the_balanced_score_is_the_formula_of_appendix_a5() -> None:
    metrics = compute_metrics([response()])
    assert score("balanced", [metrics]) == pytest.approx((1 / 1.0 * 1 / 0.25 * 1 / 3.1) ** (1 / 3))
    assert higher_is_better("balanced") and not higher_is_better("tpot")


def test_several_traffics_are_averaged_geometrically() -> None:
    fast = compute_metrics([response()])
    slow = compute_metrics([response(finished_s=12.4)])
    assert score("request_throughput", [fast, slow]) == pytest.approx(0.5 / 3.1)
    with pytest.raises(InfrarayError, match="no traffic was measured"):
        score("ttft", [])


def paper(*answers: Response) -> Metrics:
    return compute_metrics(answers, convention="paper")


def test_the_papers_convention_does_what_its_code_did() -> None:
    # Clocks start at the sending and stop at the end of the stream; the wall's at the first sending.
    assert paper(response()).ttft_s.mean == 0.5
    assert paper(response()).tpot_s.mean == pytest.approx(1.1 / 4)
    assert paper(response()).wall_s == pytest.approx(1.6)
    assert paper(response(sent_s=1.75), response(sent_s=1.25), failed(sent_s=None)).wall_s == pytest.approx(1.85)
    assert paper(failed(sent_s=None)).wall_s == 3.1
    # One token more in the numerator of the generation throughput.
    assert paper(response()).generation_throughput == pytest.approx(5 / 1.1)
    # Failing fast raises the throughput, and so does ending early.
    assert paper(response(), failed()).request_throughput == pytest.approx(2 / 1.6)
    early = response(failure="wrong_length", output_tokens=2)
    assert paper(early).completed == 1 and compute_metrics([early]).completed == 0


def test_a_text_without_a_finish_reason_succeeds_in_the_papers_convention_alone() -> None:
    cut = response(failure="incomplete", finish_reason=None, last_s=None)
    silent = response(failure="incomplete", text_times_s=(), last_s=3.0, text="", output_tokens=0)
    closed = response(failure="closed", finish_reason=None, last_s=None)
    assert paper(cut, silent, closed).completed == 1
    assert paper(cut).tpot_s.p50 == pytest.approx(1.1 / 4)
    assert compute_metrics([cut, silent, closed]).completed == 0


def test_the_papers_scores_are_medians_and_ours_are_means() -> None:
    """By hand: sent at 1, 1.2, 1.4 and 1.5, all due at 1; first texts at 2, ends at 3.1, 3.1, 3.5 and 5.2."""
    sent, ends = (1.0, 1.2, 1.4, 1.5), (3.1, 3.1, 3.5, 5.2)
    answers = [response(sent_s=one, last_s=end, finished_s=end) for one, end in zip(sent, ends, strict=True)]
    # From the sending: TTFT 1, 0.8, 0.6, 0.5; TPOT 1.1 / 4, 1.1 / 4, 1.5 / 4, 3.2 / 4.
    measured = paper(*answers)
    assert score("ttft", [measured], "paper") == pytest.approx(0.7)
    assert score("tpot", [measured], "paper") == pytest.approx(0.325)
    assert score("request_throughput", [measured], "paper") == pytest.approx(4 / 4.2)
    assert score("balanced", [measured], "paper") == pytest.approx((1 / 0.7 / 0.325 * 4 / 4.2) ** (1 / 3))
    # When due: TTFT 1 each; the mean TPOT is (1.1 + 1.1 + 1.5 + 3.2) / 16; the clock starts at 0.
    ours = compute_metrics(answers)
    assert score("ttft", [ours]) == pytest.approx(1.0)
    assert score("tpot", [ours]) == pytest.approx(6.9 / 16)
    assert score("request_throughput", [ours]) == pytest.approx(4 / 5.2)
    assert score("balanced", [ours]) == pytest.approx((1 / 1.0 / (6.9 / 16) * 4 / 5.2) ** (1 / 3))
