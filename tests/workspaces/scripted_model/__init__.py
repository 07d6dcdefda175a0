"""A model server of the tests that plays a script, over the three protocols that coding agents speak.

`ScriptedModel` is one; a script is a list of `Turn`, one for each request that is a turn of the agent. Requests
beside them (a title, a count of tokens) are answered apart and take no turn.
"""

from tests.workspaces.scripted_model.server import Asked, ScriptedModel
from tests.workspaces.scripted_model.turn import Turn, call, cut, hang, refuse, rubbish, say, shell

__all__ = ["Asked", "ScriptedModel", "Turn", "call", "cut", "hang", "refuse", "rubbish", "say", "shell"]
