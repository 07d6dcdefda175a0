"""Who makes an attempt to connect, as ``kubectl exec`` says it."""

from __future__ import annotations

from typing import NamedTuple

from infraray.errors import InvalidAction


class Source(NamedTuple):
    """A pod, or one of a deployment's.

    Args:
        place: ``namespace/name`` of the pod or the deployment.
        of_deployment: which of both.
    """

    place: str
    of_deployment: bool

    @classmethod
    def read(cls, namespace: str, text: str) -> Source:
        """Reads ``pod/NAME`` or ``deployment/NAME``.

        Raises:
            InvalidAction: it is written in another way.
        """
        kind, _, name = text.partition("/")
        if kind not in ("pod", "deployment"):
            raise InvalidAction(f"source={text!r}: give pod/NAME or deployment/NAME")
        return cls(f"{namespace}/{name}", kind == "deployment")
