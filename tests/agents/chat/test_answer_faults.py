"""What was amiss with a model's answers is counted when an episode is stored, in the run's own way."""

import asyncio
import json

import pytest

from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec
from infraray.trajectories.encoding import to_batch
from tests.openai_server import Reply, Server


def counted(server: Server, invalid_action: str = "default") -> dict[str, int]:
    """What stands with the stored episode of six steps."""

    async def run() -> dict[str, int]:
        with server:
            spec = f"chat:m@{server.url}?strategy=cot"
            parameters = {"warmup_steps": 0, "scored_steps": 6}
            options = {"text": True, "invalid_action": invalid_action, "invalid_penalty": 1.0}
            options |= {"max_episode_steps": None, "reward_scale": 1.0}
            entry = Entry("load_balance", parameters, options, 1, spec, {}, "load_balance")
            player = EpisodePlayer(60.0, 0, with_bounds=False)
            trajectory = await player.converse(EpisodeSpec(entry, 1, 0))
            (row,) = to_batch("run", [trajectory]).to_pylist()
            assert row["steps"] == 6 and row["failure"] is None
            found: dict[str, int] = json.loads(row["extra"])["answers"]
            return found

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "finish_reason", "refusal", "counts"),
    [
        ("Answer: 2", "stop", None, {}),
        ("Answer: 2\nServer 3 is slow.", "length", None, {"cut": 6}),
        ("Answer: 2 or 3", "stop", None, {"invalid": 6}),
        ("Let me see, server", "length", None, {"invalid": 6, "cut": 6}),
        ("", "stop", None, {"invalid": 6, "empty": 6}),
        ("<think>server 2</think>", "stop", None, {"invalid": 6, "empty": 6}),
        ("No.", "content_filter", None, {"invalid": 6, "refused": 6}),
        ("", "stop", "I am sorry, but server 2 I cannot help with.", {"invalid": 6, "empty": 6, "refused": 6}),
    ],
)
def test_faults_are_counted(said, finish_reason, refusal, counts):
    assert counted(Server(Reply(said, finish_reason=finish_reason, refusal=refusal))) == counts
