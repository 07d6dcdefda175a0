"""Applications in a remote cluster, one after the other: restored if the next one is the same, else made anew."""

from __future__ import annotations

import itertools
import os
import secrets
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from infraray.emulators.cluster.cluster import Manifest
from infraray.emulators.remote_cluster import holding
from infraray.emulators.remote_cluster.api import Api
from infraray.emulators.remote_cluster.cluster import RemoteCluster
from infraray.errors import InfrarayError


class RemoteSupply:
    """Applications with names that nobody else has, in namespaces that are removed when this is closed.

    What a killed process has left in the cluster is removed first, see `infraray.emulators.remote_cluster.holding`. It
    closes itself when it is garbage-collected, and at the end of the process.

    Args:
        context: the kubeconfig's context; empty for the current one.
        image: what containers run, which has Python 3.

    Raises:
        Unavailable: there is no such cluster, or it does not answer.
    """

    def __init__(self, context: str, image: str) -> None:
        self._image = image
        self._numbers = itertools.count(1)
        self._token = secrets.token_hex(3)
        self._held = _Held(Api(context))
        self._close = weakref.finalize(self, _Held.close, self._held)
        holding.remove_abandoned(self._held.api)
        threading.Thread(target=_Held.renew, args=(self._held,), name="held namespaces", daemon=True).start()

    def names(self, namespaces: Iterable[str], anew: bool) -> Mapping[str, str]:
        """The names under which namespaces are this supply's own.

        Args:
            namespaces: their names in the application.
            anew: whether they are those of another application than the last ones.
        """
        suffix = f"{self._token}-{next(self._numbers)}" if anew else self._token
        return {name: f"{name}-{suffix}" for name in namespaces}

    def take(self, manifests: Sequence[Manifest]) -> RemoteCluster:
        """The application, intact; the last one that was taken is no longer used.

        Raises:
            Unavailable: the cluster enforces no policies.
            InfrarayError: it does not come up.
        """
        held = self._held
        if held.cluster is not None and held.cluster.manifests == tuple(manifests):
            with suppress(InfrarayError):
                held.cluster.restore()
                return held.cluster
        held.give_up()
        held.cluster = RemoteCluster(held.api, self._token, manifests, self._image, check=not held.enforces)
        held.enforces = True
        return held.cluster

    def close(self) -> None:
        """Removes everything. May be called twice."""
        self._close()


def obstacle(context: str) -> str | None:
    """Why a context leads to no cluster, in one line with the fix; None if its cluster answers."""
    try:
        Api(context).close()
    except InfrarayError as error:
        return str(error)
    return None


@dataclass
class _Held:
    """What a supply has in a cluster, apart from the supply, whose finalizer gives it up."""

    api: Api
    cluster: RemoteCluster | None = None
    enforces: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    process: int = field(default_factory=os.getpid)

    def renew(self) -> None:
        """Says that the owner lives, until it is over."""
        while not self.over.wait(holding.RENEW_S):
            if (cluster := self.cluster) is not None:
                holding.renew(self.api, cluster.namespaces)

    def give_up(self) -> None:
        """Removes the application."""
        cluster, self.cluster = self.cluster, None
        if cluster is not None:
            with suppress(InfrarayError):  # whoever starts next removes it
                cluster.close()

    def close(self) -> None:
        """Removes everything, unless this is a fork of the process whose it is."""
        if os.getpid() == self.process:
            self.over.set()
            self.give_up()
            self.api.close()
