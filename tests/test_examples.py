"""The examples do what they say."""

from pathlib import Path

from infraray.launch import run
from infraray.testing import AgentConformance, ScenarioConformance
from infraray.trajectories.reader import Run
from infraray.user_file import load_file

ROOT = Path(__file__).parents[1]
OWN_SCENARIO = str(ROOT / "examples" / "own_scenario.py")
OWN_AGENT = f"python:{ROOT / 'examples' / 'own_agent.py'}:Patient"

load_file(OWN_SCENARIO)  # its tests below begin with its name


def test_own_scenario_and_own_agent_play_on_ray(ray_session: None, tmp_path: Path) -> None:
    asked = {
        "name": "own",
        "imports": [OWN_SCENARIO],
        "seeds": 3,
        "scenarios": [
            {"scenario": "autoscale", "agents": ["scripted:follow?spare=0.5", "scripted:random"]},
            {"scenario": "load_balance", "agents": [OWN_AGENT, f"{OWN_AGENT}?big=5"]},
        ],
    }
    assert run(asked, tmp_path, quiet=True).finished == 12
    rows = Run(tmp_path).episodes().to_pylist()
    follow, chance = (
        sum(row["score"] for row in rows if row["agent"].startswith(agent))
        for agent in ("scripted:follow", "scripted:random")
    )
    assert follow < chance


class TestOwnAgent(AgentConformance):
    scenario = "load_balance"
    agent = OWN_AGENT


class TestOwnScenario(ScenarioConformance):
    scenario = "autoscale"

    @classmethod
    def setup_class(cls) -> None:
        from infraray.user_file import load_file

        load_file(OWN_SCENARIO)
