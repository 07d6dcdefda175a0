"""What became of an application's objects since a moment, as the API server's watches tell it afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from infraray.emulators.cluster.cluster import Change
from infraray.emulators.cluster.inside.api_client import JSON, KINDS
from infraray.emulators.remote_cluster.api import Object, failures
from infraray.emulators.remote_cluster.view import View
from infraray.errors import InfrarayError

WATCHED = ("Pod", "Service", "Deployment", "EndpointSlice", "NetworkPolicy")
"""The kinds of which anything may be written, and what follows from it."""

REPLAY_S = 1
"""Time for which a watch goes on; what was before it comes at once."""

AT_ONCE = 16


class History:
    """The history of an application.

    Args:
        view: its namespaces.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._since: dict[tuple[str, str], str] = {}
        """The version of each kind in each namespace from which on it is told."""

    def begin(self) -> None:
        """Begins anew: `told` tells what happens from now on.

        Raises:
            InfrarayError: nobody answers.
        """
        places = [(kind, namespace) for kind in WATCHED for namespace in self._view.namespaces]

        def version(place: tuple[str, str]) -> str:
            kind, namespace = place
            answer = self._view.api.request("GET", f"{KINDS[kind].url(namespace)}?limit=1")
            return str(answer["metadata"]["resourceVersion"])

        with ThreadPoolExecutor(AT_ONCE) as pool:
            self._since = dict(zip(places, pool.map(version, places), strict=True))

    def told(self) -> list[Change]:
        """Every state that objects had since it began, in order of each kind; nothing is told twice.

        Raises:
            InfrarayError: nobody answers, or it is too long ago.
        """
        since, self._since = self._since, {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            events = [event for found in pool.map(lambda one: [*self._replay(*one)], since.items()) for event in found]
        events.sort(key=lambda event: (event[0], int(event[1]["metadata"]["resourceVersion"])))
        return [_change(*event) for event in events]

    def _replay(self, place: tuple[str, str], version: str) -> Iterator[tuple[str, Object, bool]]:
        """Kind, state, and whether the object was gone, in order."""
        kind, namespace = place
        path = f"{KINDS[kind].url(namespace)}?watch=true&resourceVersion={version}&timeoutSeconds={REPLAY_S}"
        try:
            with closing(self._view.api.open("GET", path, {"Accept": JSON}, None)) as response:
                lines = response.data.splitlines()
                events = [json.loads(line) for line in lines]
        except failures() as error:
            raise InfrarayError(f"watch of {kind}: {error}") from None
        for event in events:
            if event.get("type") not in ("ADDED", "MODIFIED", "DELETED"):
                raise InfrarayError(f"watch of {kind}: {event.get('object', event).get('message')}")
            yield kind, event["object"], event["type"] == "DELETED"


def _change(kind: str, found: Object, gone: bool) -> Change:
    metadata = found["metadata"]
    manifest = {"apiVersion": KINDS[kind].api_version, "kind": kind, **found}
    manifest.pop("status", None)
    return Change(kind, metadata.get("namespace", ""), metadata["name"], None if gone else manifest)
