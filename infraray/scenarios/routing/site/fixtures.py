"""What belongs on a router beside its addresses and routes: filters, policy rules, routes and settings.

None of it keeps machines of the network from each other, and all of it has to stay. It looks much like
what faults leave behind, so that nobody repairs a network by clearing everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.emulators.network import Topology

ELSEWHERE = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "100.64.0.0/10")
"""Networks that no machine here is in: those for documentation and benchmarks (RFC 5737, 2544), and of carriers."""

SERVICES = (
    "tcp --dport 23",
    "tcp --dport 25",
    "tcp --dport 445",
    "udp --dport 69",
    "udp --dport 137",
    "udp --dport 161",
)
"""What filters often refuse; below every port that is probed."""

TARGETS = ("DROP", "REJECT")
RULE_ACTIONS = ("prohibit", "unreachable", "blackhole")
LOWEST_PREFERENCE, HIGHEST_PREFERENCE = 100, 32000
TABLES = range(10, 200)
TTLS = (64, 128, 255)


@dataclass(frozen=True)
class Fixtures:
    """What belongs on one router.

    Args:
        filters: (chain, rule) pairs of iptables, in order.
        forwards_by_default: whether what no filter names is forwarded.
        policy: lines for ip(8), of rules and routes.
        ttl: of the packets that it sends.
    """

    filters: tuple[tuple[str, str], ...] = ()
    forwards_by_default: bool = True
    policy: tuple[str, ...] = ()
    ttl: int = 64

    def chain_length(self, chain: str) -> int:
        """How many filters a chain has."""
        return sum(owner == chain for owner, _ in self.filters)

    @property
    def script(self) -> str:
        """Sets all of it up at once: programs of their own for every line would take a tenth of a second."""
        forward = "ACCEPT" if self.forwards_by_default else "DROP"
        filters = [f":FORWARD {forward} [0:0]", *(f"-A {chain} {rule}" for chain, rule in self.filters)]
        return "\n".join(
            [
                *("iptables-restore --noflush <<END || exit", "*filter", *filters, "COMMIT", "END"),
                *("ip -batch - <<END || exit", *self.policy, "END"),
                f"sysctl -qw net.ipv4.ip_default_ttl={self.ttl}",
            ]
        )


def draw_fixtures(topology: Topology, router: str, random: Random) -> Fixtures:
    """A router's fixtures: filters in every chain, one or two policy rules, perhaps a route and a setting."""
    chains = {"FORWARD": _forwarding(topology, router, random), "INPUT": _filters(random), "OUTPUT": _filters(random)}
    forwards_by_default = random.random() < 2 / 3
    if not forwards_by_default:
        inside = sorted(segment[0].network for segment in topology.segments)
        chains["FORWARD"] += [f"-s {network} -j ACCEPT" for network in random.sample(inside, len(inside))]
    filters = tuple((chain, rule) for chain, rules in chains.items() for rule in rules)
    policy = _policy(random)
    for network in random.sample(ELSEWHERE, random.randint(0, 2)):
        policy.append(f"route add {random.choice(RULE_ACTIONS)} {network}")
    return Fixtures(filters, forwards_by_default, tuple(policy), random.choice(TTLS))


def _filters(random: Random) -> list[str]:
    """Filters of what comes from or goes elsewhere, and of services."""
    kinds = [f"{random.choice(('-s', '-d'))} {network}" for network in ELSEWHERE]
    kinds += [f"-p {service}" for service in SERVICES]
    return [f"{kind} -j {random.choice(TARGETS)}" for kind in random.sample(kinds, random.randint(1, 3))]


def _forwarding(topology: Topology, router: str, random: Random) -> list[str]:
    """The same for what is forwarded, and perhaps that a subnet sends under its own addresses alone."""
    rules = _filters(random)
    for segment in topology.segments[: topology.num_subnets]:
        if segment[0].machine == router and random.random() < 1 / 3:
            rules.append(f"-i {segment[0].name} ! -s {segment[0].network} -j DROP")
    random.shuffle(rules)
    return rules


def _policy(random: Random) -> list[str]:
    """Policy rules for what comes from or goes elsewhere, each with a preference of its own."""
    lines = []
    networks = random.sample(ELSEWHERE, random.randint(1, 2))
    preferences = random.sample(range(LOWEST_PREFERENCE, HIGHEST_PREFERENCE), len(networks))
    tables = random.sample(TABLES, len(networks))
    for network, preference, table in zip(networks, preferences, tables, strict=True):
        selector = f"{random.choice(('from', 'to'))} {network}"
        if random.random() < 1 / 2:
            lines.append(f"rule add pref {preference} {selector} {random.choice(RULE_ACTIONS)}")
        else:
            lines.append(f"route add blackhole default table {table}")
            lines.append(f"rule add pref {preference} {selector} lookup {table}")
    return lines
