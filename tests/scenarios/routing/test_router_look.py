"""What a look at a router says is read line by line."""

import pytest

from infraray.scenarios.routing.router_look import SEPARATOR, RouterLook


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_a_filter_is_one_line_whatever_its_comment_holds(end: str) -> None:
    rule = f'-A FORWARD -m comment --comment "a{end}{SEPARATOR}{end}-P FORWARD DROP" -j DROP'
    parts = [
        "r0-eth1 192.168.1.1/24",
        "r0-eth1@if7: 1500",
        "192.168.1.0/24 dev r0-eth1",
        "0: from all lookup local",
        f"-P FORWARD ACCEPT\n{rule}",
        "1",
        "",
    ]
    look = RouterLook.read(f"\n{SEPARATOR}\n".join(parts) + "\n")
    assert look.filters == ("-P FORWARD ACCEPT", " ".join(rule.split()))
    assert look.forwards
