"""The index of the kinds of agents: one registration each, nothing else."""

from infraray.agents.kind import register_agent_kind

register_agent_kind("scripted", "infraray.agents.kinds.scripted:Scripted")
register_agent_kind("chat", "infraray.agents.kinds.chat:Chat")
register_agent_kind("engine", "infraray.agents.kinds.engine:Engine")
register_agent_kind("python", "infraray.agents.kinds.python:Python")
register_agent_kind("shell", "infraray.workspaces.shell_kind:ShellKind")
register_agent_kind("cli", "infraray.workspaces.cli_kind:CliKind")
register_agent_kind("graph", "infraray.agents.kinds.graph:Graph")
