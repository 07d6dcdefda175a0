"""The base of all exporters, and their index."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import ClassVar, Self

from infraray.registry import Registry
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.stored_episode import StoredEpisode


class Exporter(ABC):
    """Takes episodes one by one; leaving its ``with`` block without an error makes it whole.

    A subclass takes those of the options that it names in its constructor: ``out``, the path to write to;
    ``endpoint`` and ``headers``, of the server to send to; ``valid_only``, whether invalid steps are left out.

    Args:
        manifest: what ``run.json`` holds.
    """

    default_out: ClassVar[str] = ""
    """The file or folder that it writes in ``RUN/exports`` by default."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:  # noqa: B027
        """Completes the output, or discards it after an error."""

    @abstractmethod
    def write(self, episode: StoredEpisode) -> str | None:
        """Takes an episode; returns None, or the reason why there is nothing to write."""

    @abstractmethod
    def summary(self) -> str:
        """A summary of what was written, in one line."""


exporters: Registry[type[Exporter]] = Registry("exporter")


def register_exporter(name: str, exporter: type[Exporter] | str) -> None:
    """Makes ``--to name`` mean an `Exporter` subclass, or ``module:Class``, which is imported on first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    exporters.register(name, exporter)


def options_of(exporter: type[Exporter]) -> list[str]:
    """The options that an exporter takes, by name."""
    return [name for name in inspect.signature(exporter).parameters if name != "manifest"]
