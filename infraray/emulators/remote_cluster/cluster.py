"""An application in a cluster that a kubeconfig names, in namespaces of its own.

It answers like `infraray.emulators.cluster.cluster.Cluster`, though nothing in the cluster tells when a policy is in
force. So attempts to connect are repeated until they end as the policies say that the API server has, for as long as a
network may take; if they still do not, then what was found is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from infraray.emulators.cluster.cluster import Change, Manifest, Outcome, Probe
from infraray.emulators.cluster.inside.api_client import JSON, KINDS, NAMESPACES, Kind
from infraray.emulators.remote_cluster import holding
from infraray.emulators.remote_cluster.api import APPLY, Api
from infraray.emulators.remote_cluster.attempts import attempt, plan
from infraray.emulators.remote_cluster.gateway import Gateway
from infraray.emulators.remote_cluster.history import History
from infraray.emulators.remote_cluster.look import Look
from infraray.emulators.remote_cluster.snapshot import Snapshot
from infraray.emulators.remote_cluster.view import View
from infraray.emulators.remote_cluster.workloads import PROFILE, runnable
from infraray.emulators.remote_cluster.workplace import Workplace
from infraray.errors import InfrarayError, Unavailable
from infraray.isolation import Finished, Limits

DEPLOY_S = 600.0
"""Time that a cluster may take to pull the image and start everything, and to remove what was there before."""

SETTLE_S = 60.0
"""Time that it may take after a command."""

IN_FORCE_S = 20.0
"""Time that its network may take until policies are in force."""

ENFORCED_S = 60.0
"""Time after which a network that lets everything through is one that enforces no policies."""

LOOK_S = 0.25
"""Pause between looks."""

DENIAL = "infraray-denial"


class RemoteCluster:
    """An application that runs when the constructor returns.

    Args:
        api: the cluster.
        application: its name among those of this process.
        manifests: what it has, in order; the names of its namespaces are nobody else's.
        image: what its containers run, which has Python 3.
        check: whether to prove that the cluster enforces policies.
        limits: the limits of each command.

    Raises:
        Unavailable: the cluster enforces no policies.
        InfrarayError: the application does not come up; the text says why.
    """

    def __init__(
        self,
        api: Api,
        application: str,
        manifests: Sequence[Manifest],
        image: str,
        check: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self.manifests = tuple(manifests)
        self.namespaces = tuple(one["metadata"]["name"] for one in manifests if one["kind"] == "Namespace")
        self._api = api
        self._view = View(api, self.namespaces, f"{holding.APPLICATION}={application}")
        self._history = History(self._view)
        labels = {**PROFILE, **holding.labels(application)}
        holding.remove(api, self.namespaces)
        self._wait_until_gone()
        try:
            for one in manifests:
                if one["kind"] == "Namespace":
                    one = {
                        **one,
                        "metadata": {**one["metadata"], "labels": labels, "annotations": holding.hold()},
                    }
                self.apply([runnable(dict(one), image)])
            self._wait(lambda: Look.at(self._view).unrest(), DEPLOY_S)
            if check:
                self._check_enforcement()
            self._snapshot = Snapshot(Look.at(self._view))
            self._workplace = Workplace(self.namespaces[0], limits)
        except BaseException:
            holding.remove(api, self.namespaces)
            raise
        self._gateway = Gateway(self._workplace.listening, self._view)

    def close(self) -> None:
        """Removes it. May be called twice."""
        self._gateway.close()
        self._workplace.close()
        holding.remove(self._api, self.namespaces)

    def restore(self) -> None:
        """Makes everything as it was when the constructor returned, and proves it.

        Raises:
            InfrarayError: it does not become as it was; the text says what is not.
        """

        def lacking() -> str:
            look = Look.at(self._view)
            if differing := self._snapshot.differences(look):
                self._snapshot.restore(self._api, look)
                return f"{', '.join(differing[:3])} not restored"
            return look.unrest()

        self._wait(lacking, SETTLE_S)

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Creates objects, or makes them as their manifests say, in order.

        Raises:
            InfrarayError: one is refused, with the server's reason, or nobody answers.
        """
        for one in manifests:
            kind: Kind = KINDS[one["kind"]]
            path = kind.url(one["metadata"].get("namespace", ""), one["metadata"]["name"])
            self._api.request("PATCH", f"{path}?fieldManager=infraray&force=true", one, APPLY)

    def request(self, method: str, path: str, body: Manifest | None = None, content_type: str = JSON) -> Any:
        """The API server's answer to a request, as if there were the application's namespaces alone.

        Raises:
            InfrarayError: it is refused, or nobody answers.
        """
        return self._view.request(method, path, body, content_type)

    def settle(self) -> None:
        """Waits until deployments and services are as they say.

        Raises:
            InfrarayError: they do not come to rest; the text says what does not.
        """
        self._wait(lambda: Look.at(self._view).unrest(), SETTLE_S)

    def matrix(self, probes: Sequence[Probe]) -> list[Outcome]:
        """What becomes of attempts to connect, each from inside its source's pod; see the module's first lines.

        Raises:
            InvalidAction: a source is written in another way.
            InfrarayError: nothing can be attempted from a pod that runs, or nobody answers.
        """
        found: dict[int, Outcome] = {}
        open_questions = [*range(len(probes))]
        deadline = time.monotonic() + IN_FORCE_S
        while True:
            look = Look.at(self._view)
            plans = {place: plan(look, probes[place]) for place in open_questions}
            try:
                outcomes = attempt(self._api, look, [*plans.values()])
            except InfrarayError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_S)  # the pod may have ended meanwhile, and another runs
                continue
            found.update(zip(open_questions, outcomes, strict=True))
            open_questions = [
                place
                for place, one in plans.items()
                if one.expected is not None and one.expected is not found[place].connected
            ]
            if not open_questions or time.monotonic() > deadline:
                return [found[place] for place in range(len(probes))]
            time.sleep(LOOK_S)

    def changes(self) -> list[Change]:
        """Every state that objects had since the last `run` began, in order of each kind; nothing is told twice.

        Raises:
            InfrarayError: nobody answers, or it is too long ago.
        """
        return self._history.told()

    def run(self, script: str) -> Finished:
        """Runs an agent's script, with kubectl, isolated by `infraray.isolation`; it reaches the gateway alone.

        Raises:
            InvalidAction: the text cannot be a script.
            InfrarayError: it cannot be isolated here and was not run.
        """
        self._history.begin()
        try:
            return self._workplace.run(script)
        finally:
            self._gateway.wait_for_writes()

    def _wait(self, lacking: Callable[[], str], seconds: float) -> None:
        """Waits until nothing is lacking."""
        deadline = time.monotonic() + seconds
        while why := lacking():
            if time.monotonic() > deadline:
                raise InfrarayError(f"the application does not come to rest in {seconds:g} s: {why}")
            time.sleep(LOOK_S)

    def _wait_until_gone(self) -> None:
        """Waits until what was left in the namespaces is gone with them."""

        def left() -> str:
            found = self._api.request("GET", NAMESPACES.url())["items"]
            names = {one["metadata"]["name"] for one in found} & {*self.namespaces}
            return f"namespace {sorted(names)[0]} is still being removed" if names else ""

        self._wait(left, DEPLOY_S)

    def _check_enforcement(self) -> None:
        """Forbids everything that a pod receives, and sees whether the network heeds it."""
        pair = _pair(Look.at(self._view))
        if pair is None:
            return
        probe, namespace = pair
        if not (found := self.matrix([probe])[0]).connected:
            raise InfrarayError(
                f"the cluster's pods do not reach each other without any policy: {probe.source} to "
                f"{probe.host}:{probe.port}: {found.reason}"
            )
        spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
        kind = KINDS["NetworkPolicy"]
        denial = {"apiVersion": kind.api_version, "kind": kind.name, "spec": spec}
        self.apply([{**denial, "metadata": {"name": DENIAL, "namespace": namespace}}])
        try:
            deadline = time.monotonic() + ENFORCED_S
            while self.matrix([probe])[0].connected:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"context={self._api.context!r}: its cluster does not enforce NetworkPolicies (one that "
                        f"forbids all connections changed nothing in {ENFORCED_S:g} s); choose one with a network "
                        "that does, such as clusters/kind.yaml with Calico"
                    )
        finally:
            self._api.request("DELETE", kind.url(namespace, DENIAL))
        self._wait(lambda: "" if self.matrix([probe])[0].connected else "a policy outlives its removal", ENFORCED_S)


def _pair(look: Look) -> tuple[Probe, str] | None:
    """An attempt from a deployment's pod to a service of another one, and the namespace of the latter."""
    for service, found in sorted(look.objects["Service"].items()):
        for port in found["spec"].get("ports") or ():
            protocol = port.get("protocol", "TCP")
            behind = [name for name, _ in look.behind(service, port["port"], protocol)]
            for source, pods in sorted(look.pods_of.items()):
                if behind and not {*pods} & {*behind}:
                    namespace, _, name = service.partition("/")
                    of, _, own = source.partition("/")
                    return Probe(f"deployment/{own}", f"{name}.{namespace}", port["port"], protocol, of), namespace
    return None
