"""What language models are given to answer by: a schema, and the expert's examples."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import infraray
from infraray.agents import Briefing
from infraray.agents.chat.examples import examples
from infraray.agents.chat.strategies.structured import action_schema
from infraray.scenarios.routing.environment import Routing
from tests.agents.chat.play import agent_at, play
from tests.emulators.live import needs_networks
from tests.openai_server import Server


@pytest.fixture
def environment() -> infraray.Environment:
    return infraray.make("routing", preset="netarena", max_commands=7)


def test_schema_asks_for_a_machine_and_a_command(environment: infraray.Environment) -> None:
    schema = action_schema(Briefing.of(environment, 0))
    assert schema["properties"] == {"machine": {"type": "string"}, "command": {"type": "string"}}
    assert schema["required"] == ["machine", "command"]


@needs_networks
def test_examples_are_commands_and_played_once_for_all_episodes(
    environment: infraray.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    resets = []
    reset = Routing.reset

    def counted(self: Routing, **arguments: Any) -> Any:
        resets.append(arguments)
        return reset(self, **arguments)

    monkeypatch.setattr(Routing, "reset", counted)
    with ThreadPoolExecutor(4) as episodes:
        shown = list(episodes.map(lambda seed: examples(Briefing.of(environment, seed), 3, text=True), range(4)))
    assert len(resets) == 3
    assert shown == [shown[0]] * 4
    commands = [environment.parse_action(message["content"])["command"] for message in shown[0][1::2]]
    assert len(set(commands)) > 1, "a look and a repair"


LOOK = '{"machine": "r0", "command": "sysctl net.ipv4.ip_forward"}'
REPAIR = '{"machine": "r0", "command": "sysctl -w net.ipv4.ip_forward=1"}'
FORWARDING_OFF = 15


@needs_networks
@pytest.mark.parametrize(
    ("strategy", "before"),
    [
        ("zero_shot", ""),
        ("few_shot", ""),
        ("chain_of_thought", "Is forwarding on?\nAnswer: "),
        ("react", "Thought: is forwarding on?\nAnswer: "),
        ("structured", ""),
    ],
)
def test_model_that_looks_and_repairs_solves_with_every_strategy(strategy: str, before: str) -> None:
    def say(body: dict[str, Any]) -> str:
        seen = body["messages"][-1]["content"]
        return before + (REPAIR if "net.ipv4.ip_forward = 0" in seen else LOOK)

    async def run() -> None:
        with Server(say) as server:
            played = await play(agent_at(server, strategy=strategy), 2, "routing", FORWARDING_OFF)
        assert [info["extra"]["deed"] for _, info in played] == ["look", "fix"]

    asyncio.run(run())
