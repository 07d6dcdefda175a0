"""Attempts to connect from inside a remote cluster's pods: what becomes of each, and what should according to policies.

One command runs in each source's pod and makes all of its attempts at once, in the words of
`infraray.emulators.cluster.cluster.Outcome`. Services are attempted by their addresses, so that no policy about name
servers counts.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from infraray.emulators.cluster.cluster import Outcome, Probe
from infraray.emulators.cluster.inside.source import Source
from infraray.emulators.remote_cluster.api import Api
from infraray.emulators.remote_cluster.look import Look
from infraray.errors import InfrarayError

PROGRAM = Path(__file__).with_name("programs").joinpath("probe.py").read_text(encoding="utf-8")

WAIT_S = 2.0
"""Time after which what has not answered is blocked. The kernel sends a lost first packet again after one second."""

AT_ONCE = 16
"""Pods in which commands run at the same time."""

REASONS = ("open", "blocked", "refused", "unreachable", "silent", "unsupported")


@dataclass
class Attempt:
    """An attempt.

    Args:
        source: ``namespace/name`` of the pod that makes it; empty if none runs.
        address: the service's address; empty if there is no such service.
        port: the service's port.
        protocol: TCP, UDP or SCTP.
        expected: whether it should connect according to the policies; None where they do not tell.
    """

    source: str
    address: str
    port: int
    protocol: str
    expected: bool | None
    secret: str = field(default_factory=lambda: secrets.token_hex(12))


def plan(look: Look, probe: Probe) -> Attempt:
    """What a probe means in an application.

    Raises:
        InvalidAction: its source is written in another way.
    """
    asked = Source.read(probe.namespace, probe.source)
    pods = look.pods_of.get(asked.place, ()) if asked.of_deployment else [asked.place]
    source = next((pod for pod in pods if pod in look.running), "")
    host, _, namespace = probe.host.partition(".")
    service = f"{namespace or probe.namespace}/{host}"
    expected = _expected(look, source, look.behind(service, probe.port, probe.protocol), probe.protocol)
    return Attempt(source, look.address(service), probe.port, probe.protocol, expected)


def attempt(api: Api, look: Look, attempts: Sequence[Attempt]) -> list[Outcome]:
    """What becomes of attempts.

    Raises:
        InfrarayError: a command cannot be run in a pod that runs.
    """
    found: dict[int, Outcome] = {}
    by_source: dict[str, list[int]] = {}
    for place, one in enumerate(attempts):
        if not one.source:
            found[place] = Outcome(False, "no source", "", "")
        elif not one.address:
            found[place] = Outcome(False, "unknown host", one.source, "")
        else:
            by_source.setdefault(one.source, []).append(place)
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def run(source: str) -> Iterable[Outcome]:
            return _from_pod(api, look, source, [attempts[place] for place in by_source[source]])

        for source, outcomes in zip(by_source, pool.map(run, by_source), strict=True):
            found.update(zip(by_source[source], outcomes, strict=True))
    return [found[place] for place in range(len(attempts))]


def _expected(look: Look, source: str, behind: Sequence[tuple[str, int]], protocol: str) -> bool | None:
    if not source or not behind:
        return False
    pods = look.evaluator.pods
    ends = [(pods[_key(target)], port) for target, port in behind]
    permitted = {look.evaluator.may(pods[_key(source)], end, protocol, port) for end, port in ends}  # type: ignore[arg-type]
    return permitted.pop() if len(permitted) == 1 else None


def _from_pod(api: Api, look: Look, source: str, attempts: Sequence[Attempt]) -> Iterable[Outcome]:
    namespace, _, name = source.partition("/")
    container = look.running[source]["spec"]["containers"][0]["name"]
    asked = [WAIT_S, [[one.address, one.port, one.protocol, one.secret] for one in attempts]]
    said = api.exec(namespace, name, container, ["python3", "-c", PROGRAM, json.dumps(asked)])
    try:
        told = json.loads(said.output)
        outcomes = [Outcome(reason == "open", reason, source, str(answered)) for reason, answered in told]
        if said.failure or len(outcomes) != len(attempts) or any(one.reason not in REASONS for one in outcomes):
            raise ValueError
    except (ValueError, TypeError):
        lines = [said.failure, *said.output.strip().splitlines()[-1:]]
        why = "; ".join(filter(None, lines)) or "without a word"
        raise InfrarayError(f"pod {source}: nothing can be probed from inside: {why}") from None
    return outcomes


def _key(name: str) -> tuple[str, str]:
    namespace, _, of = name.partition("/")
    return namespace, of
