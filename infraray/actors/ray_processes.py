"""Which processes of Ray's a cluster of our own has: those that a run needs, and the workers.

`ray.init` starts four more, in Python, which are nearly half of an idle cluster's memory: a dashboard, of which
``include_dashboard=False`` leaves out the page and not the process; its agent; a monitor that adds nodes; a monitor
that passes logs on. In a cluster that has one node, prints nothing and ends with the command nobody asks for them.
Clusters that somebody else started keep what they have, `ray job submit` included.

Ray has switches for the monitors, which `ray.init` does not pass on, and none for the dashboard's process. Its raylet
refuses to live without the dashboard's agent. It wants of it that it lives as long as the raylet does, and its ports,
of which -1 says that there is none, as Ray itself does where the dashboard's packages are not installed. ``cat`` lives
as long as the raylet holds the other end of its input, however that ends. The raylet's other agent stays: it sets up
the runtime environments that Ray Tune's trials have, and that actors of a user's may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

TRIED = ("2.60.",)
"""Versions of Ray that do without. None of this is Ray's public interface: others start whatever they start."""

_RAYLET = {
    "--dashboard_agent_command": "cat",
    "--dashboard_agent_listen_port": "-1",
    "--metrics-agent-port": "-1",
    "--metrics_export_port": "-1",
}
_HOLDS_INPUT = {"RAY_enable_pipe_based_agent_to_parent_health_check": "1"}
"""Makes the raylet the other end of its agents' input, which is empty otherwise; they end when it does."""


@contextmanager
def only_what_runs_need() -> Iterator[None]:
    """While it is entered, `ray.init` starts no process that a run has no use for."""
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
    """Starts one of Ray's processes; the raylet with an agent of the dashboard that does nothing."""
    if process_type == "raylet":
        kept = [argument for argument in command if argument.partition("=")[0] not in _RAYLET]
        command = kept + [f"{name}={value}" for name, value in _RAYLET.items()]
        options["env_updates"] = {**(options.get("env_updates") or {}), **_HOLDS_INPUT}
    return start(command, process_type, **options)
