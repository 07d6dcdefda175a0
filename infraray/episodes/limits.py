"""Limits on what a run, an agent and an episode may use: seconds, attempts, tokens, cost."""

from __future__ import annotations

from pydantic import Field

from infraray.strict import StrictModel


class RunLimits(StrictModel):
    """The limits of a run, its agents and its episodes."""

    episode_s: float = Field(default=300.0, gt=0, le=86_400, description="seconds an attempt may last")
    conversation_s: float = Field(
        default=86_400.0,
        gt=0,
        le=604_800,
        description="the same for an agent that waits for others, such as a model's server, the waits included",
    )
    retries: int = Field(default=2, ge=0, le=100, description="further attempts after one that failed")
    tokens: int | None = Field(default=None, ge=1, description="tokens that all agents together may use, both ways")
    cost: float | None = Field(default=None, gt=0, description="what they may cost, in the unit of the agents' prices")
    agent_tokens: int | None = Field(default=None, ge=1, description="the same for each agent")
    agent_cost: float | None = Field(default=None, gt=0, description="the same for each agent")
    episode_tokens: int | None = Field(default=None, ge=1, description="the same for an attempt at an episode")
    episode_cost: float | None = Field(default=None, gt=0, description="the same for an attempt at an episode")

    @property
    def are_on_spending(self) -> bool:
        """Whether any limits the tokens or cost of more than one episode: all spending is then counted in one place."""
        return any(limit is not None for limit in (self.tokens, self.cost, self.agent_tokens, self.agent_cost))

    def unpriced(self) -> str | None:
        """The first limit that needs the price of tokens; None if none does."""
        return next((name for name in ("cost", "agent_cost", "episode_cost") if getattr(self, name) is not None), None)
