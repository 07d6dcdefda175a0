"""Every cheat is flagged, by the checks that are for it; the server that cheats in nothing is not.

The servers are the reference server with one change each (`cheating_server`), and serve a real
model on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray.scenarios.inference.integrity import probes
from tests.scenarios.inference_gates.inspect_cheats import CAUGHT_BY, MANY_CANARIES, Cheats, cheats_beside
from tests.scenarios.inference_gates.inspection import Inspector

pytestmark = [pytest.mark.engine, pytest.mark.alone, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def cheats(inspector: Inspector, smaller: Path) -> Iterator[Cheats]:
    with cheats_beside(inspector, smaller) as server:
        yield server


@pytest.mark.parametrize(("cheat", "caught_by"), CAUGHT_BY.items())
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
