"""What an agent is told besides its scenario's mission, in variants by name."""

from __future__ import annotations

_DEFAULT = """Work on your own until the time is over: nobody answers questions or confirms anything. Look, change one \
thing, measure, and keep what is better. Always leave the workspace in the best working state that you know, since \
what is there at the end is what counts."""

_STRUCTURED = """Work on your own until the time is over: nobody answers questions or confirms anything. Proceed in \
rounds, and keep a file NOTES.md with a table of them, which you reread before each:

1. Write down one hypothesis: what you will change, and what you expect of it.
2. Change that one thing, and nothing else.
3. Measure it in the same way as the rounds before.
4. Keep it if it is better, and go back to the best state if it is not. Note the figures either way.

Begin with a state that works and its figures. After three rounds without progress, try a different kind of change \
rather than a smaller one. Do not stop while there is time left. In the last tenth of the time, return to the best \
state, check that it works, and leave it."""

PROMPTS = {"default": _DEFAULT, "structured": _STRUCTURED}
"""Ways of working by name, as texts that follow the mission."""


def go_on(minutes_left: int, problem: str | None) -> str:
    """What an agent is told that has stopped before its time.

    Args:
        minutes_left: minutes of its budget.
        problem: how its last start ended, if not well.
    """
    ended = f"Your last session ended early ({problem}). " if problem else ""
    return (
        f"{ended}About {minutes_left} minutes of your time are left. Go on working on the mission by yourself, without "
        "asking anything: look at the state of things, and use the time that is left to improve it."
    )
