"""Which server a conversation talks to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from infraray.errors import InfrarayError


class Endpoints(Protocol):
    """Hands out base URLs, one per conversation, so that a server's prefix cache holds what was said before."""

    name: str
    """Name of what is served: answers cached under it hold for all of its servers."""

    async def assign(self, conversation: str) -> str:
        """The base URL for a conversation, such as ``http://host:8000/v1``; the same until lost or released."""

    async def release(self, conversation: str) -> None:
        """Ends a conversation."""

    async def failed(self, conversation: str, base_url: str) -> None:
        """Notes that a conversation got no answer from ``base_url``."""


def are_ours(endpoints: Endpoints) -> bool:
    """Whether the run itself started the servers (their ``started_here``): they are reached without a proxy."""
    return bool(getattr(endpoints, "started_here", False))


@dataclass(frozen=True)
class ServedModel:
    """A model that an engine of the run serves.

    Args:
        model: the name by which its servers know it.
        endpoints: its servers.
    """

    model: str
    endpoints: Endpoints


class FixedEndpoint:
    """The same server for every conversation.

    Args:
        base_url: such as ``http://host:8000/v1``.
    """

    def __init__(self, base_url: str) -> None:
        self.name = base_url
        self.base_url = base_url

    async def assign(self, conversation: str) -> str:
        """The one URL."""
        return self.base_url

    async def release(self, conversation: str) -> None:
        """Does nothing: no server is held."""

    async def failed(self, conversation: str, base_url: str) -> None:
        """Does nothing: there is no other server to turn to."""


class NotStarted(FixedEndpoint):
    """An engine that no run has started: an agent on it can be made and checked, but not played.

    Args:
        name: the engine's.
    """

    async def assign(self, conversation: str) -> str:
        """Refuses.

        Raises:
            InfrarayError: always.
        """
        raise InfrarayError(f"engine {self.name}: only a run starts it; outside of a run, give chat:MODEL@BASE_URL")
