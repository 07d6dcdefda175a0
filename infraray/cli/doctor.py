"""``infraray doctor``: says what this machine can run."""

from __future__ import annotations

from rich.console import Console


def doctor() -> None:
    """Say what this machine can run, and what is missing for the rest."""
    from infraray.doctor import print_checkup

    print_checkup(Console())
