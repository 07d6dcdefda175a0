"""The integrity gate: every check, over all the evidence of one server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infraray.scenarios.inference.integrity import (
    canary,
    connections,
    fingerprint,
    first_chunk,
    ignored_eos,
    improbable_text,
    physical_limits,
    repeated_requests,
    token_counts,
)
from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked
from infraray.scenarios.inference.integrity.judge import Judgement

CHECKS: dict[str, Callable[[Evidence], Finding | None]] = {
    module.__name__.rpartition(".")[2]: module.check
    for module in (
        ignored_eos,
        token_counts,
        physical_limits,
        first_chunk,
        canary,
        improbable_text,
        fingerprint,
        repeated_requests,
        connections,
    )
}
"""The checks by name; each examines only the evidence, not what other checks found."""


@dataclass(frozen=True)
class IntegrityResult:
    """The gate's decision.

    Args:
        findings: evidence of things an honest server does not do.
        not_checked: the checks that could not be made, with the reason; includes a judge without a verdict.
        judgement: the judgement, if a judge was asked.
    """

    findings: tuple[Finding, ...]
    not_checked: Mapping[str, str]
    judgement: Judgement | None = None

    @property
    def passed(self) -> bool:
        """Whether all checks were made and found nothing, and the judge, if one was asked, agrees."""
        return not self.accused and not self.not_checked

    @property
    def accused(self) -> bool:
        """Whether something was found; a check that could not be made neither accuses nor passes."""
        return bool(self.findings) or (self.judgement is not None and self.judgement.verdict == "violation")

    @property
    def reason(self) -> str:
        """The decision in one line."""
        said = [finding.evidence for finding in self.findings]
        if self.judgement is not None and self.judgement.verdict == "violation":
            said.append(f"the judge: {self.judgement.reason}")
        said += [f"{name} not checked: {reason}" for name, reason in self.not_checked.items()]
        return "; ".join(said) or f"all {len(CHECKS)} checks found nothing"


def check_integrity(evidence: Evidence, judgement: Judgement | None = None) -> IntegrityResult:
    """Makes all checks.

    Args:
        evidence: the evidence to examine.
        judgement: the judgement, if a judge was asked; without a verdict it counts as a check that was not made.
    """
    findings = []
    not_checked = {}
    for name, check in CHECKS.items():
        try:
            finding = check(evidence)
        except NotChecked as reason:
            not_checked[name] = str(reason)
        else:
            findings += [finding] if finding is not None else []
    if judgement is not None and judgement.verdict is None:
        not_checked["judge"] = judgement.reason
    return IntegrityResult(tuple(findings), not_checked, judgement)
