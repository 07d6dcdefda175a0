"""What belongs on a router besides its addresses and routes: filters, policy rules, routes and settings.

None of it separates machines of the network, and all of it has to stay. It resembles what faults leave behind, so that
clearing everything is no way to repair a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.emulators.network.topology import Topology

ELSEWHERE = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "100.64.0.0/10")
"""Networks without any machines here: those for documentation and benchmarks (RFC 5737, 2544) and for carriers."""

SERVICES = (
    "tcp --dport 23",
    "tcp --dport 25",
    "tcp --dport 445",
    "udp --dport 69",
    "udp --dport 137",
    "udp --dport 161",
)
"""Services that filters often reject, on ports below all probed ones."""

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
        forwards_by_default: whether packets that no filter names are forwarded.
        policy: lines for ip(8) with rules and routes.
        ttl: TTL of the packets that it sends.
    """

    filters: tuple[tuple[str, str], ...] = ()
    forwards_by_default: bool = True
    policy: tuple[str, ...] = ()
    ttl: int = 64

    def chain_length(self, chain: str) -> int:
        """The number of filters in a chain."""
        return sum(owner == chain for owner, _ in self.filters)

    @property
    def script(self) -> str:
        """A script that sets up everything at once; one program per line would take a tenth of a second."""
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
    """Filters for traffic from or to other networks, and for services."""
    kinds = [f"{random.choice(('-s', '-d'))} {network}" for network in ELSEWHERE]
    kinds += [f"-p {service}" for service in SERVICES]
    return [f"{kind} -j {random.choice(TARGETS)}" for kind in random.sample(kinds, random.randint(1, 3))]


def _forwarding(topology: Topology, router: str, random: Random) -> list[str]:
    """The same for forwarded traffic, and perhaps a rule that a subnet may only send from its own addresses."""
    rules = _filters(random)
    for segment in topology.segments[: topology.num_subnets]:
        if segment[0].machine == router and random.random() < 1 / 3:
            rules.append(f"-i {segment[0].name} ! -s {segment[0].network} -j DROP")
    random.shuffle(rules)
    return rules


def _policy(random: Random) -> list[str]:
    """Policy rules for traffic from or to other networks, each with its own preference."""
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
