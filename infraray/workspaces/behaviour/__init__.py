"""How agents in workspaces work, beside what they reach: `python -m infraray.workspaces.behaviour RUN`.

The figures are those of InferenceBench's section 4 and appendix E, from rules, without asking a model, for every
scenario: configurations tried, relaunches, techniques named against used, best seen against final, time to the first
working state, idle time, ends and failures, and what a unit of score costs.
"""

from infraray.workspaces.behaviour.behaviour import Behaviour, behaviour_of
from infraray.workspaces.behaviour.report import AgentBehaviour, behaviours, summaries

__all__ = ["AgentBehaviour", "Behaviour", "behaviour_of", "behaviours", "summaries"]
