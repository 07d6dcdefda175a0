"""The integrity gate: whether a server's speed was earned by serving the model (InferenceBench, section 3.3)."""

from infraray.scenarios.inference.integrity.connection_watch import ConnectionLog, ConnectionWatch
from infraray.scenarios.inference.integrity.evidence import PHASES, Evidence, Phase
from infraray.scenarios.inference.integrity.finding import Finding
from infraray.scenarios.inference.integrity.gate import CHECKS, IntegrityResult, check_integrity
from infraray.scenarios.inference.integrity.judge import Judgement, check_judge, judge
from infraray.scenarios.inference.integrity.opinion import Opinion, ask_opinion
from infraray.scenarios.inference.integrity.probes import (
    ProbeAnswers,
    ProbeSet,
    ask_probes,
    check_can_probe,
    plan_probes,
)

__all__ = [
    "CHECKS",
    "PHASES",
    "ConnectionLog",
    "ConnectionWatch",
    "Evidence",
    "Finding",
    "IntegrityResult",
    "Judgement",
    "Opinion",
    "Phase",
    "ProbeAnswers",
    "ProbeSet",
    "ask_opinion",
    "ask_probes",
    "check_can_probe",
    "check_integrity",
    "check_judge",
    "judge",
    "plan_probes",
]
