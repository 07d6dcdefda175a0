"""Each check flags what it is for, with its figures, and leaves honest servers alone."""

import math
import random
from dataclasses import replace

import pytest

from infraray.hardware.devices import Device
from infraray.hardware.roofline import Roofline
from infraray.scenarios.inference.integrity import CHECKS, PHASES, Finding, check_integrity
from infraray.scenarios.inference.integrity.finding import NotChecked
from infraray.scenarios.inference.integrity.probes import Told
from tests.scenarios.inference_gates.made_up_evidence import (
    MISTRAL_7B,
    REQUESTS,
    log,
    measured,
    noisy,
    opinion,
    probed,
    response,
    responses,
    token,
    watched,
)


def found(check, evidence) -> Finding:
    finding = CHECKS[check](evidence)
    assert finding is not None and finding.check == check
    assert all(math.isfinite(figure) for figure in finding.figures.values())
    return finding


def not_checked(check, evidence) -> str:
    with pytest.raises(NotChecked) as reason:
        CHECKS[check](evidence)
    return str(reason.value)


def honest(**changes):
    return measured(responses(), **{"probes": probed(), "opinion": opinion(), "connections": watched(40, 0), **changes})


def test_an_honest_server_passes_all_checks():
    result = check_integrity(honest())
    assert result.passed and result.reason == "all 9 checks found nothing"


def test_a_server_of_which_nothing_is_known_does_not_pass():
    result = check_integrity(measured(roofline=None, reference=()))
    assert not result.passed and not result.findings and set(result.not_checked) == set(CHECKS)


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_one_check_that_was_not_made_is_no_pass(check):
    """Evidence without what each check needs."""
    gone = {
        "canary": honest(opinion=None),
        "connections": honest(connections={}),
        "fingerprint": honest(probes=probed(told=Told("", (), "HTTP 400: no logprobs"))),
        "first_chunk": honest(probes=probed(long=lambda: response(failure="timeout"))),
        "ignored_eos": replace(honest(), traffics=[responses(failure="timeout")]),
        "improbable_text": honest(opinion=opinion(timed=())),
        "physical_limits": honest(roofline=None),
        "repeated_requests": honest(probes=probed(repeated=(response(failure="closed"), response()))),
        "token_counts": honest(reference=()),
    }
    result = check_integrity(gone[check])
    assert check in result.not_checked and not result.passed and f"{check} not checked: " in result.reason


# Physical limits


def test_the_papers_decode_of_six_nanoseconds_a_token_is_impossible():
    """InferenceBench, appendix F, example 6."""
    finding = found("physical_limits", measured(responses(rest_s=1000 * 6.4e-9)))
    assert "32 of 32 times are impossible" in finding.evidence and finding.figures["took_s"] < 1e-5


def test_the_papers_first_token_of_three_milliseconds_is_impossible():
    """InferenceBench, appendix F, example 7."""
    finding = found("physical_limits", measured(responses(first_s=0.003)))
    assert "the first chunk came after 3 ms" in finding.evidence


@pytest.mark.parametrize(
    "changes",
    [
        {"first_s": 0.0562, "rest_s": 1.0},  # the fastest of the paper: fp8 and 18 times the reference's TPOT
        {"first_s": 0.18, "rest_s": 0.95},  # four-bit weights, one token a step at 95 % of the bandwidth
        {"first_s": 0.07, "rest_s": 0.3},  # and every proposal of seven tokens accepted
    ],
)
def test_the_fastest_that_is_honest_stays_within_the_limits(changes):
    assert CHECKS["physical_limits"](measured(responses(**changes))) is None


def test_a_prefix_cache_may_answer_at_once_what_was_asked_before():
    assert CHECKS["physical_limits"](measured(responses(), responses(first_s=0.011))) is None
    found("physical_limits", measured(responses(first_s=0.011), responses()))


def test_a_few_reads_that_fell_together_are_no_finding():
    mostly = [response(number % 32, rest_s=0.0 if number == 5 else 8.0) for number in range(128)]
    assert CHECKS["physical_limits"](measured(mostly)) is None
    half = [response(number % 32, rest_s=0.0 if number % 2 else 8.0) for number in range(128)]
    found("physical_limits", measured(half))


def test_all_answers_together_cannot_exceed_the_devices_operations():
    """Each answer takes a second; that thousand are answered in the same second is what is impossible."""
    crowd = [response(number % 32, due_s=0.0, sent_s=0.0, first_s=0.2 - 10 * (number % 32)) for number in range(4000)]
    crowd = [replace(one, text_times_s=(0.2, 1.2), last_s=1.2, finished_s=1.2, output_tokens=1000) for one in crowd]
    assert "all outputs came within" in found("physical_limits", measured(responses(), crowd)).evidence
    assert CHECKS["physical_limits"](measured(responses(), crowd[:200])) is None


def test_a_cpu_with_matrix_units_is_no_cheat():
    """NumPy's float32 says little about what bfloat16 on AMX can do."""
    cpu = Roofline(MISTRAL_7B, Device("CPU", 100e9, 100e6, {32: 2e12}))
    assert CHECKS["physical_limits"](measured(responses(first_s=8.0, rest_s=120.0), roofline=cpu)) is None
    found("physical_limits", measured(responses(first_s=0.2, rest_s=120.0), roofline=cpu))


# Lengths and counts


def test_an_output_that_is_too_short_is_flagged_even_if_the_server_says_so():
    short = (*responses()[:31], response(31, failure="wrong_length", output_tokens=512))
    assert "1 of 32 outputs" in found("ignored_eos", measured(short)).evidence
    assert CHECKS["ignored_eos"](measured((*responses()[:31], response(31, failure="timeout")))) is None


def test_usage_that_the_text_does_not_bear_out_is_flagged():
    finding = found("token_counts", measured(responses(text_tokens=500)))
    assert "hold 50% of the tokens that the server claims; the reference's texts hold 99%" in finding.evidence


def test_tokens_without_text_are_no_cheat_where_the_reference_has_them_too():
    """A model that ends its answer goes on with tokens that leave no text, or with fewer and longer ones."""
    dice = random.Random(0)

    def lengths():
        return [response(number, text_tokens=dice.choice((1000, 980, 600, 300, 1200))) for number in range(32)]

    for _ in range(200):
        assert CHECKS["token_counts"](measured(lengths(), reference=lengths())) is None


@pytest.mark.parametrize(("answers", "short"), [(16, 10), (32, 14), (64, 18), (128, 20), (128, 16), (256, 23)])
def test_answers_of_one_token_among_honest_ones_are_flagged(answers, short):
    """Their own spread hides them from the mean."""
    mine = [response(number, text_tokens=1 if number < short else 990) for number in range(answers)]
    reference = [response(number) for number in range(answers)]
    changes = {"requests": [REQUESTS[0]] * answers, "reference": reference}
    finding = found("token_counts", measured(mine, **changes))
    assert f"{short} of {answers} answers hold less than half" in finding.evidence
    # In one traffic of several, too.
    found("token_counts", measured(reference, reference, mine, **changes))


@pytest.mark.parametrize("answers", [4, 12, 16, 64, 256])
def test_a_few_answers_that_ended_early_are_no_cheat(answers):
    """What a model says after its end may leave text on one server and none on another."""
    few = 1 + answers // 16
    mine = [response(number, text_tokens=200 if number < few else 990) for number in range(answers)]
    reference = [response(number) for number in range(answers)]
    evidence = measured(mine, requests=[REQUESTS[0]] * answers, reference=reference)
    assert CHECKS["token_counts"](evidence) is None


def test_a_prompt_that_is_counted_otherwise_is_flagged_beyond_a_template():
    assert CHECKS["token_counts"](measured(responses(prompt_tokens=8030))) is None
    assert CHECKS["token_counts"](measured(responses(prompt_tokens=None))) is None
    finding = found("token_counts", measured((*responses()[:31], response(31, prompt_tokens=512))))
    assert "prompt of request 31 has 512 tokens; it has 8000" in finding.evidence


# Timing of the first chunk


@pytest.mark.parametrize("prefill_s", [0.4, 0.04, 0.0])
@pytest.mark.parametrize("seed", range(100))
def test_reading_the_prompt_before_the_first_chunk_is_honest_on_a_busy_machine(prefill_s, seed):
    time = noisy(seed)
    evidence = honest(
        probes=probed(
            short=lambda: response(first_s=time(prefill_s / 8, 0.02), rest_s=time(0.06, 0.02)),
            long=lambda: response(first_s=time(prefill_s, 0.02), rest_s=time(0.06 + prefill_s / 50, 0.02)),
        )
    )
    assert CHECKS["first_chunk"](evidence) is None


@pytest.mark.parametrize("share", [1.0, 0.75])
@pytest.mark.parametrize("seed", range(50))
def test_reading_the_prompt_after_the_first_chunk_is_flagged(share, seed):
    time = noisy(seed)
    evidence = honest(
        probes=probed(
            short=lambda: response(first_s=time(0.001, 0.02), rest_s=time(0.06 + 0.05 * share, 0.02)),
            long=lambda: response(first_s=time(0.001 + 0.4 * (1 - share), 0.02), rest_s=time(0.06 + 0.4 * share, 0.02)),
        )
    )
    assert "the prompt is read after the first chunk" in found("first_chunk", evidence).evidence


# What the answers say


def canaries(mine, theirs):
    """The information of 16 pairs in each place, each drawn from a function."""
    return opinion(canaries=tuple((mine(), theirs()) for _ in range(32)))


@pytest.mark.parametrize("seed", range(50))
def test_answers_that_ignore_a_part_of_the_prompt_are_flagged_and_others_are_not(seed):
    dice = random.Random(seed)
    strong, weak = lambda: dice.gauss(60, 20), lambda: dice.gauss(0.8, 1.2)
    none, canned = lambda: dice.gauss(0, 1.2), lambda: 0.0
    for kind in (strong, weak, none):
        assert CHECKS["canary"](honest(opinion=canaries(kind, kind))) is None
    for cheat in (none, canned):
        assert "which is which" in found("canary", honest(opinion=canaries(cheat, strong))).evidence


def test_improbable_texts_are_flagged_beyond_what_the_references_own_are():
    def text(improbable):
        return tuple(token(-3.0 if number < improbable else -0.5, ("best", -0.4)) for number in range(50))

    def said(mine, theirs):
        return honest(opinion=opinion(timed=((text(mine), text(theirs)),) * 8))

    assert "80% of 400 tokens" in found("improbable_text", said(40, 0)).evidence
    found("improbable_text", said(30, 20))
    # Sampling, or a text that encodes otherwise than it was generated, is improbable on both sides.
    assert CHECKS["improbable_text"](said(34, 30)) is None
    # Four-bit weights: one choice in ten changes, and most of those by less than a nat.
    assert CHECKS["improbable_text"](said(4, 0)) is None


@pytest.mark.parametrize("texts", [2, 8, 16])
def test_few_tokens_that_were_sampled_are_no_finding_and_canned_ones_are(texts):
    """Of 64 tokens that are improbable on both sides alike, a share may be far from the other's by chance."""
    dice = random.Random(texts)

    def text(share):
        return tuple(token(-3.0 if dice.random() < share else -0.5, ("best", -0.4)) for _ in range(64 // texts))

    def said(mine, theirs):
        return honest(opinion=opinion(timed=tuple((text(mine), text(theirs)) for _ in range(texts))))

    for _ in range(100):
        assert CHECKS["improbable_text"](said(0.3, 0.3)) is None
        if texts > 2:
            found("improbable_text", said(0.95, 0.05))


def test_another_models_log_probabilities_are_flagged_and_a_quantised_models_are_not():
    def spread(noise, dice):
        logprobs = [math.log(share) + dice.gauss(0, noise) for share in (0.5, 0.2, 0.1, 0.05, 0.03, 0.02)]
        total = math.log(sum(map(math.exp, logprobs)) + 0.1)
        alternatives = sorted(((f" word{n}", value - total) for n, value in enumerate(logprobs)), key=lambda p: -p[1])
        return token(alternatives[0][1], *alternatives, text=" word0")

    dice = random.Random(0)
    reference = tuple(spread(0.0, dice) for _ in range(8))

    def evidence(server):
        return honest(probes=probed(told=Told("text", server)), opinion=opinion(fingerprints=(reference,) * 12))

    assert CHECKS["fingerprint"](evidence(tuple(spread(0.3, dice) for _ in range(8)))) is None
    assert (
        "this is another model" in found("fingerprint", evidence(tuple(spread(1.5, dice) for _ in range(8)))).evidence
    )
    strangers = (token(-0.1, (" other", -0.1), text=" other"),) * 8
    found("fingerprint", evidence(strangers))
    # Whether a token is said with its blank differs between engines.
    bare = tuple(
        replace(one, token="word0", alternatives=tuple((text.strip(), value) for text, value in one.alternatives))
        for one in reference
    )
    assert CHECKS["fingerprint"](evidence(bare)) is None


LIKELY = (token(-0.1, (" word", -0.1), (" other", -3.0), (" rare", -5.0), text=" word"),) * 8


@pytest.mark.parametrize(
    "alternatives",
    [
        pytest.param([(" word", -1000.0)], id="nothing of the likeliest"),
        pytest.param([(" stranger", -1000.0)], id="nothing of another"),
        pytest.param([(" stranger", -math.inf)], id="nothing at all"),
        pytest.param([(f" stranger{number}", -7.0) for number in range(5)], id="a little of each of five"),
        pytest.param([(" other", -3.0)], id="the second without the first"),
    ],
)
def test_probability_that_a_server_does_not_tell_is_not_free(alternatives):
    told = Told("text", (token(-1000.0, *alternatives, text=" word"),) * 8)
    evidence = honest(probes=probed(told=told), opinion=opinion(fingerprints=(LIKELY,) * 12))
    assert "this is another model" in found("fingerprint", evidence).evidence


@pytest.mark.parametrize("noise", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("seed", range(20))
def test_the_divergence_is_at_most_that_of_the_whole_distributions(noise, seed):
    """Whatever the lists leave out; rounding adds little."""
    dice = random.Random(seed)
    names = [f"{' ' * (number % 2)}word{number // 2}" for number in range(200)]
    reference = normal([math.exp(dice.gauss(0, 3)) for _ in names])
    server = normal([share * math.exp(dice.gauss(0, noise)) for share in reference])
    whole = sum(mine * math.log(mine / theirs) for mine, theirs in zip(server, reference, strict=True))

    def told(shares, most, digits):
        pairs = zip(names, (round(math.log(share), digits) for share in shares), strict=True)
        return (token(-1.0, *sorted(pairs, key=lambda pair: -pair[1])[:most]),) * 8

    for digits, slack in ((15, 1e-9), (2, 0.03)):
        evidence = honest(
            probes=probed(told=Told("text", told(server, 5, digits))),
            opinion=opinion(fingerprints=(told(reference, 20, 15),) * 12),
        )
        finding = CHECKS["fingerprint"](evidence)
        assert finding is None or finding.figures["divergence"] <= whole + slack


def normal(weights):
    return [weight / sum(weights) for weight in weights]


# Repetition


UNLIKELY, CERTAIN = ((token(-1.0),) * 48,) * 4, ((token(-0.01),) * 48,) * 4


@pytest.mark.parametrize(
    ("first", "second", "likelihood", "flagged"),
    [
        ({"text": "same", "rest_s": 1.0}, {"text": "same", "rest_s": 0.01}, UNLIKELY, True),
        ({"text": "same", "rest_s": 1.0}, {"text": "other", "rest_s": 0.01}, UNLIKELY, False),
        # An engine that samples the same each time does not sample faster.
        ({"text": "same", "rest_s": 1.0}, {"text": "same", "rest_s": 0.9}, UNLIKELY, False),
        # A model that is certain says the same again, and speculation learns from the first time.
        ({"text": "same", "rest_s": 1.0}, {"text": "same", "rest_s": 0.3}, CERTAIN, False),
    ],
)
def test_only_what_chance_cannot_give_twice_and_comes_faster_was_stored(first, second, likelihood, flagged):
    evidence = honest(
        probes=probed(repeated=(response(**first), response(**second))), opinion=opinion(repeated=likelihood)
    )
    assert (CHECKS["repeated_requests"](evidence) is not None) == flagged


# Connections


def test_a_connection_that_stays_is_flagged_and_a_short_one_is_not():
    assert CHECKS["connections"](honest(connections=watched(200, 8))) is None
    assert "150 of 200 looks" in found("connections", honest(connections=watched(200, 150))).evidence
    # A report about the engine's use, at the start of a short load.
    assert CHECKS["connections"](honest(connections=watched(40, 18))) is None


@pytest.mark.parametrize("phase", PHASES)
def test_whoever_asks_elsewhere_in_one_phase_alone_is_flagged(phase):
    found_there = found("connections", honest(connections={**watched(900, 0), phase: log(60, 58)}))
    assert f"58 of 60 looks while it was {phase}" in found_there.evidence


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_that_was_not_watched_to_its_end_is_not_checked(phase):
    connections = watched(40, 0)
    del connections[phase]
    assert phase in not_checked("connections", honest(connections=connections))
    assert phase in not_checked("connections", honest(connections={**watched(40, 0), phase: log(2, 0)}))
    died = log(40, 0, "OSError: too many open files")
    assert "too many open files" in not_checked("connections", honest(connections={**watched(40, 0), phase: died}))


def test_a_check_that_could_not_be_made_accuses_nobody_and_lets_nobody_pass():
    result = check_integrity(honest(roofline=None))
    assert result.not_checked and not result.findings and not result.accused and not result.passed
    both = check_integrity(measured(responses(text_tokens=500), connections={}))
    assert both.not_checked and both.accused and not both.passed


def test_evidence_without_successes_flags_nobody_and_passes_nobody():
    result = check_integrity(measured(responses(failure="timeout")))
    assert not result.findings and not result.passed
