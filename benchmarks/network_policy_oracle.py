"""Random sets of NetworkPolicies: our evaluator beside network-config-analyzer.

    python -m venv ORACLE && ORACLE/bin/pip install network-config-analyzer
    python -m benchmarks.network_policy_oracle --oracle ORACLE/bin/python [--cases N]

Draws N cases with their changes, asks both about each state, all pairs of pods, protocols and ports, and prints the
coverage and every disagreement (target: none). Some minutes for 1000 cases. The pods have no addresses, since the
analyzer lets ``ipBlock`` mean nothing but what is outside the cluster; there it is compared for addresses outside. It
pins other versions of our packages, hence the environment of its own.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from infraray.network_policies import Coverage, PolicyEvaluator, draw_case
from infraray.network_policies.evaluator import End
from infraray.network_policies.generator import LABELS, POD_NETWORK, PORTS
from infraray.network_policies.pods import PROTOCOLS

CASES = 1000
OUTSIDE = tuple(str(ip_address(POD_NETWORK.partition("/")[0]) + step) for step in (2, 5, 9, 77, 200))
"""Addresses that rules mention, but no pod has here."""

ASK = """
import contextlib, io, sys
from nca.nca_cli import nca_main
for folder in sys.stdin.read().split():
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        nca_main(["--connectivity", "-r", folder, "-o", "txt_no_fw_rules", "--output_endpoints", "pods"])
    print("STATE", folder)
    print(said.getvalue())
"""
_LINE = re.compile(r"^(?P<source>\S+) => (?P<target>\S+) : (?P<what>.+)$")


class Answer(NamedTuple):
    """What the analyzer says of one pair."""

    source: str
    target: str
    what: str

    def permits(self, protocol: str, port: int) -> bool:
        """Whether a connection is among it."""
        inverted = self.what.startswith("All but ")
        cubes = re.findall(r"\{([^}]*)\}", self.what)
        if not cubes:
            return self.what == "All connections"
        return inverted != any(_in_cube(cube, protocol, port) for cube in cubes)


def _in_cube(cube: str, protocol: str, port: int) -> bool:
    """Whether ``protocols:TCP, UDP,dst_ports:80-81,90`` has a port of a protocol."""
    parts = dict(re.findall(r"(protocols|dst_ports):(.*?)(?=,dst_ports:|$)", cube))
    listed = parts.get("protocols", protocol)
    if (protocol in listed.removeprefix("all but ").split(", ")) == listed.startswith("all but "):
        return False
    ranges = [span.partition("-") for span in parts["dst_ports"].split(",")] if "dst_ports" in parts else []
    return not ranges or any(int(first) <= port <= int(last or first) for first, _, last in ranges)


def _ends(evaluator: PolicyEvaluator) -> dict[str, End]:
    return {"/".join(key): pod for key, pod in evaluator.pods.items()} | {address: address for address in OUTSIDE}


def _covers(name: str, shown: str) -> bool:
    """Whether an end of a line is the one with this name, or the addresses that hold it."""
    if "/" in name or "/" in shown:
        return name == shown
    return any(
        ip_address(first) <= ip_address(name) <= ip_address(last or first)
        for first, _, last in (span.partition("-") for span in shown.split(","))
    )


def _as_asked(manifest: dict) -> dict:
    """A manifest in other words, where the analyzer (2.1.0) reads the plain ones in another way than Kubernetes.

    Empty lists of rules are left out, as the API does. A ``podSelector`` with ``Exists`` or ``DoesNotExist``, which the
    analyzer looks up in the policy's own namespace alone, lists all values.
    """
    asked = {key: value for key, value in manifest.items() if key != "status"}
    if manifest["kind"] == "NetworkPolicy":
        asked["spec"] = _listing({key: value for key, value in manifest["spec"].items() if value != []})
    return asked


def _listing(value: Any) -> Any:
    """A value with ``In`` and ``NotIn`` in place of ``Exists`` and ``DoesNotExist``."""
    if isinstance(value, list):
        return [_listing(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.get("operator") in ("Exists", "DoesNotExist"):
        operator = "In" if value["operator"] == "Exists" else "NotIn"
        return {"key": value["key"], "operator": operator, "values": [*LABELS[value["key"]]]}
    return {key: _listing(entry) for key, entry in value.items()}


def disagreements(manifests: list[dict], said: str) -> Iterator[str]:
    """The connections about which the two differ."""
    evaluator = PolicyEvaluator.of(manifests)
    answers = [Answer(**found.groupdict()) for found in map(_LINE.match, said.splitlines()) if found]
    ends = _ends(evaluator)
    for source, one in ends.items():
        for target, other in ends.items():
            if source == target or ("/" not in source and "/" not in target):
                continue
            found = [answer for answer in answers if _covers(source, answer.source) and _covers(target, answer.target)]
            for protocol in PROTOCOLS:
                for port in PORTS:
                    theirs = any(answer.permits(protocol, port) for answer in found)
                    ours = evaluator.may(one, other, protocol, port)
                    if ours != theirs:
                        yield f"{source} -> {target} {protocol} {port}: ours {ours}, the analyzer's {theirs}"


def main() -> int:
    """Compares, and prints what was covered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", required=True, help="the Python of an environment with network-config-analyzer")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    coverage, states = Coverage(), {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.first, options.first + options.cases):
            case = draw_case(Random(seed))
            coverage.add(case.kinds())
            for number, state in enumerate(case.states()):
                manifests = [_as_asked(one) for one in state]
                place = Path(folder) / f"{seed}-{number}"
                place.mkdir()
                # The analyzer wants to read namespaces before what is in them.
                manifests.sort(key=lambda one: ("Namespace", "Pod", "NetworkPolicy").index(one["kind"]))
                (place / "all.yaml").write_text(yaml.safe_dump_all(manifests))
                states[str(place)] = manifests
        asked = subprocess.run(
            [options.oracle, "-c", ASK], input="\n".join(states), capture_output=True, text=True, cwd=folder, check=True
        )
    said = {part.partition("\n")[0]: part for part in asked.stdout.split("STATE ")[1:]}
    found = [f"{Path(place).name}: {line}" for place in states for line in disagreements(states[place], said[place])]
    print(coverage.table())
    print("\n".join(found[:50]))
    print(f"{coverage.cases} cases, {len(states)} states, {len(found)} disagreements; not tried: {coverage.missing}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
