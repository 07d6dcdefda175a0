"""The Ray processes in a cluster of our own: only those that a run needs, and the workers.

`ray.init` starts four more, in Python, which take nearly half of an idle cluster's memory: a dashboard
(``include_dashboard=False`` omits its page but not its process), its agent, a monitor that adds nodes, and a monitor
that forwards logs. A cluster that has one node, prints nothing and ends with the command needs none of them.
Clusters that somebody else started keep what they have, including those of `ray job submit`.

Ray has switches for the monitors, which `ray.init` does not pass on, and none for the dashboard's process. Its raylet
refuses to live without the dashboard's agent. It expects the agent to live as long as itself, and to report its ports,
for which -1 means none, as Ray itself reports if the dashboard's packages are not installed. ``cat`` lives as long as
the raylet holds the other end of its input, however the raylet ends. The raylet's other agent stays: it sets up the
runtime environments of Ray Tune's trials, and perhaps of a user's actors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

TRIED = ("2.60.",)
"""Versions of Ray known to do without. None of this is Ray's public interface, so others start what they like."""

_RAYLET = {
    "--dashboard_agent_command": "cat",
    "--dashboard_agent_listen_port": "-1",
    "--metrics-agent-port": "-1",
    "--metrics_export_port": "-1",
}
_HOLDS_INPUT = {"RAY_enable_pipe_based_agent_to_parent_health_check": "1"}
"""Ties the agents' input, otherwise empty, to the raylet; they end when it does."""


@contextmanager
def only_what_runs_need() -> Iterator[None]:
    """Keeps `ray.init` from starting processes that a run does not use."""
    import ray

    if not ray.__version__.startswith(TRIED):
        yield
        return
    from ray._private import parameter, services

    instead: list[tuple[Any, str, Any]] = [
        (parameter, "RayParams", partial(parameter.RayParams, no_monitor=True, include_log_monitor=False)),
        (services, "start_api_server", lambda *_, **__: ("", None)),
        (services, "start_ray_process", partial(_start, services.start_ray_process)),
    ]
    with ExitStack() as replaced:
        for owner, name, value in instead:
            replaced.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


def _start(start: Any, command: list[str], process_type: str, **options: Any) -> Any:
    """Starts one of Ray's processes; gives the raylet a dashboard agent that does nothing."""
    if process_type == "raylet":
        kept = [argument for argument in command if argument.partition("=")[0] not in _RAYLET]
        command = kept + [f"{name}={value}" for name, value in _RAYLET.items()]
        options["env_updates"] = {**(options.get("env_updates") or {}), **_HOLDS_INPUT}
    return start(command, process_type, **options)
