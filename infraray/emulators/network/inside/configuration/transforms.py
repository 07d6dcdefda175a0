"""Policies and states of IPsec, as shown by ``ip xfrm``."""

from __future__ import annotations

from infraray.emulators.inside.netlink import Netlink

from .values import others

XFRM_MSG_GETSA, XFRM_MSG_GETPOLICY, XFRM_MSG_GETSPDINFO, XFRM_MSG_GETDEFAULT = 0x12, 0x15, 0x25, 0x28
SA_BYTES, POLICY_BYTES = 224, 168
SA_KEPT = (slice(0, 160), slice(204, 218))
"""Parts of struct xfrm_usersa_info to keep: all but the amount sent so far, statistics and the sequence number."""

POLICY_KEPT = (slice(0, 120), slice(152, 156), slice(160, 164))
"""Parts of struct xfrm_userpolicy_info to keep: all but the amount sent so far and the kernel's number."""

SA_STATE = {9, 10, 18, 23, 24, 27, 28}
"""Attributes to leave out: replay state, lifetimes and the last use."""


def transforms(xfrm: Netlink | None) -> list[str]:
    """States, policies, defaults and hash thresholds; empty if the kernel has no IPsec."""
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
    thresholds.pop(2, None)  # the number of policies
    return [*sorted(found), f"thresholds {others(thresholds)}"]
