"""Policies and states of IPsec: what xfrm(8) of ip(8) shows."""

from __future__ import annotations

from ..netlink import Netlink
from .values import others

XFRM_MSG_GETSA, XFRM_MSG_GETPOLICY, XFRM_MSG_GETSPDINFO, XFRM_MSG_GETDEFAULT = 0x12, 0x15, 0x25, 0x28
SA_BYTES, POLICY_BYTES = 224, 168
SA_KEPT = (slice(0, 160), slice(204, 218))
"""Of struct xfrm_usersa_info: all but what was sent so far, statistics and the sequence number."""

POLICY_KEPT = (slice(0, 120), slice(152, 156), slice(160, 164))
"""Of struct xfrm_userpolicy_info: all but what was sent so far and the number that the kernel gives."""

SA_STATE = {9, 10, 18, 23, 24, 27, 28}
"""Attributes of replays, lifetimes and the last use."""


def transforms(xfrm: Netlink | None) -> list[str]:
    """States, policies, what holds where there is none, and how they are found; none where the kernel has no IPsec."""
    if xfrm is None:
        return []
    found = []
    for name, kind, size, kept, state in (
        ("state", XFRM_MSG_GETSA, SA_BYTES, SA_KEPT, SA_STATE),
        ("policy", XFRM_MSG_GETPOLICY, POLICY_BYTES, POLICY_KEPT, set()),
    ):
        for header, attributes in xfrm.dump(kind, bytes(size)):
            content = " ".join(header[part].hex() for part in kept)
            found.append(f"{name} {content} {others(attributes, state)}")
    default, _ = xfrm.ask(XFRM_MSG_GETDEFAULT, bytes(4), 4)
    if any(value != 2 for value in default[:3]):  # XFRM_USERPOLICY_ACCEPT
        found.append(f"default {default[:3].hex()}")
    _, thresholds = xfrm.ask(XFRM_MSG_GETSPDINFO, bytes(4), 4)
    thresholds.pop(1, None)
    thresholds.pop(2, None)  # how many there are
    return [*sorted(found), f"thresholds {others(thresholds)}"]
