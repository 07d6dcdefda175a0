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
"""By name; each looks at the evidence alone and at nothing that another one found."""


@dataclass(frozen=True)
class IntegrityResult:
    """The gate's decision.

    Args:
        findings: what an honest server does not do.
        not_checked: the checks that could not be made, with the reason; a judge without a verdict is one.
        judgement: the judge's, if one was asked.
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
        """Whether something was found; a check that could not be made accuses nobody, and lets nobody pass."""
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
        evidence: what they look at.
        judgement: a judge's, if one was asked. Without a verdict it is a check that was not made.
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
