"""Whose a namespace in a remote cluster is, and whether its owner still lives: labels name the run.

A namespace has its owner's name (`infraray.scratch.owner`), and the time until which it is held, which its owner moves
on as long as it lives. Whoever starts next removes what an owner left that has ended: at once if the process was of
this machine, otherwise when the time is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from infraray.emulators.cluster.inside.api_client import MERGE_PATCH, NAMESPACES
from infraray.emulators.remote_cluster.api import Api, Object
from infraray.errors import InfrarayError
from infraray.scratch import has_ended, owner

OWNER = "infraray/run"
APPLICATION = "infraray/application"
"""Labels: the process, and the one among its applications."""

HELD_UNTIL = "infraray/held-until"
"""An annotation: seconds since 1970."""

HOLD_S = 900.0
"""Time for which a namespace outlives the last word of its owner, whose clock may be minutes ahead."""

RENEW_S = 60.0


def labels(application: str) -> dict[str, str]:
    """The labels of a namespace of this process's."""
    return {OWNER: owner(), APPLICATION: application}


def hold() -> dict[str, str]:
    """The annotations that hold a namespace from now on."""
    return {HELD_UNTIL: str(int(time.time() + HOLD_S))}


def renew(api: Api, namespaces: Iterable[str]) -> None:
    """Holds namespaces for longer, as far as the cluster answers."""
    for name in namespaces:
        with suppress(InfrarayError):
            api.request("PATCH", NAMESPACES.url(name=name), {"metadata": {"annotations": hold()}}, MERGE_PATCH)


def remove(api: Api, namespaces: Iterable[str]) -> None:
    """Begins to remove namespaces with all that is in them, if they are there.

    Raises:
        InfrarayError: it is refused, or nobody answers.
    """
    for name in namespaces:
        api.request("DELETE", NAMESPACES.url(name=name), tolerated=(404, 409))  # 409: it is being removed


def remove_abandoned(api: Api) -> list[str]:
    """Begins to remove the namespaces of owners that have ended; returns their names.

    Raises:
        InfrarayError: it is refused, or nobody answers.
    """
    found = api.request("GET", f"{NAMESPACES.url()}?labelSelector={OWNER}")["items"]
    names = [one["metadata"]["name"] for one in found if _is_abandoned(one)]
    remove(api, names)
    return names


def _is_abandoned(namespace: Object) -> bool:
    metadata = namespace["metadata"]
    held = (metadata.get("annotations") or {}).get(HELD_UNTIL, "")
    over = not held.isdecimal() or int(held) < time.time()
    return has_ended(metadata["labels"][OWNER]) or over
