"""Every cheat is flagged, by the checks that are for it; the server that cheats in nothing is not.

The servers are the reference server with one change each (`cheating_server`), and serve a real
model on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infraray.engines import EngineSpec
from infraray.engines.process import EngineProcess
from infraray.scenarios.inference.integrity import probes
from tests.scenarios.inference_gates.inspection import Inspector

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

CHEATING_SERVER = Path(__file__).with_name("cheating_server.py")
MANY_CANARIES = 60
"""Of each place: a model that anybody serves repeats every code, this one sees 4 in 10, and 12 pairs show that by
3.2 to 4.4 standard errors (60 pairs, two machines' models), 60 by 7 to 10, of which the check wants 4."""


@dataclass(frozen=True)
class Cheats:
    process: EngineProcess

    def url(self, cheat: str) -> str:
        return f"http://127.0.0.1:{self.process.port}/{cheat}/v1"


@pytest.fixture(scope="module")
def cheats(inspector: Inspector, smaller: Path) -> Iterator[Cheats]:
    command = (
        *("{python}", "-P", str(CHEATING_SERVER), "--model", "{model}", "--other-model", str(smaller)),
        *("--upstream", inspector.reference_url.removesuffix("/v1"), "--port", "{port}"),
    )
    process = EngineProcess(EngineSpec(engine="transformers", model=inspector.model, command=command))
    try:
        process.start()
        yield Cheats(process)
    finally:
        process.end()
        process.remove_log()


@pytest.mark.parametrize(
    ("cheat", "caught_by"),
    [
        ("fake_first_chunk", {"first_chunk"}),
        ("canned_text", {"improbable_text", "canary"}),
        ("shuffled_text", {"improbable_text"}),
        ("questions_only", {"improbable_text", "canary"}),
        ("other_model", {"improbable_text", "fingerprint"}),
        ("other_model_unless_asked", {"improbable_text"}),
        ("inflated_usage", {"token_counts"}),
        ("early_stop", {"ignored_eos"}),
        ("cut_prompt", {"improbable_text", "canary"}),
        ("stored_answers", {"repeated_requests"}),
        ("proxy", {"connections"}),
    ],
)
def test_a_cheat_is_flagged_by_the_checks_that_are_for_it(
    cheats: Cheats, inspector: Inspector, cheat: str, caught_by: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "canary" in caught_by:
        monkeypatch.setattr(probes, "CANARIES", MANY_CANARIES)
    result = inspector.integrity(cheats.url(cheat), cheats.process.pid or 0)
    assert caught_by <= {finding.check for finding in result.findings}, result.reason
    assert not result.passed


def test_the_same_server_without_a_cheat_passes_both_gates(
    cheats: Cheats, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "CANARIES", MANY_CANARIES)
    url = cheats.url("honest")
    quality = inspector.quality(url)
    assert quality.passed and quality.changed == 0, quality.reason
    integrity = inspector.integrity(url, cheats.process.pid or 0)
    assert integrity.passed, integrity.reason


def test_a_cheat_that_answers_the_questions_passes_the_quality_gate(cheats: Cheats, inspector: Inspector) -> None:
    """Which is why there are two gates (InferenceBench, appendix F, example 6)."""
    assert inspector.quality(cheats.url("questions_only")).passed


@pytest.mark.parametrize("cheat", ["canned_text", "other_model", "other_model_unless_asked"])
def test_another_model_and_canned_text_lose_the_quality_gate_too(
    cheats: Cheats, inspector: Inspector, cheat: str
) -> None:
    result = inspector.quality(cheats.url(cheat))
    assert result.too_inaccurate, result.reason
