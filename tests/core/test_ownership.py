"""A name means the code that took it first: other code is refused, the same code may come again."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

import infraray
from infraray.agents import registered_agents
from infraray.agents.chat import register_strategy, register_tool
from infraray.agents.chat.strategies import strategies
from infraray.agents.chat.tools import tools
from infraray.agents.random import Random
from infraray.errors import InfrarayError
from infraray.ownership import check_owner
from infraray.registration import registrations
from infraray.tune.searchers import find_searcher, register_searcher, registered_searchers
from infraray.user_file import load_file


class Other:
    """Stands for any class of a user's."""


def built_in_agents():
    for found in registrations():
        if found.id.startswith("infraray/"):
            found.import_baselines()
            yield from ((found.name, name) for name in registered_agents(found.name))
    yield None, "random"


@pytest.mark.parametrize(("scenario", "name"), list(built_in_agents()))
def test_no_built_in_agent_is_replaced(scenario, name):
    before = registered_agents(scenario or "caching")
    with pytest.raises(InfrarayError, match="is registered already, by ") as refused:
        infraray.register_agent(name, scenario=scenario)(Other)
    assert registered_agents(scenario or "caching") == before
    said = str(refused.value)
    assert "\n" not in said and said.startswith(f"agent scripted:{name}")
    assert str(Path(infraray.__file__).parent) in said and f"{__file__}:" in said


@pytest.mark.parametrize("scenario", [found.name for found in registrations() if found.id.startswith("infraray/")])
def test_no_built_in_scenario_is_replaced(scenario):
    before = registrations()
    (found,) = [found for found in before if found.name == scenario]
    for id, name in (
        (found.id, scenario),
        (found.id, "mine"),
        (found.id.replace(f"-v{found.version}", "-v7"), scenario),
        ("mine/Mine-v0", scenario),
        ("mine/Mine-v9", f"{scenario}-v{found.version}"),
        ("mine/Mine-v0", found.id),
    ):
        with pytest.raises(InfrarayError, match=r"is registered already, by .*; give .*Other.* another name"):
            infraray.register(id, name=name, entry_point=Other)
    assert registrations() == before


@pytest.mark.parametrize("pair", [(Other, Random), (Random, Other)])
def test_the_user_s_class_is_to_be_renamed_even_if_the_built_in_one_is_imported_later(pair):
    with pytest.raises(InfrarayError, match=r"already, by .*\(Random\); give .*\(Other\) another name"):
        check_owner("agent scripted:random", *pair)


def test_what_others_registered_with_gymnasium_stays():
    gymnasium.register("others/Game-v0", entry_point="others.game:Game")
    try:
        with pytest.raises(
            InfrarayError, match=r"others/Game-v0 is registered with Gymnasium already, by others\.game"
        ):
            infraray.register("others/Game-v0", name="game", entry_point=Other)
        assert gymnasium.spec("others/Game-v0").entry_point == "others.game:Game"
    finally:
        del gymnasium.registry["others/Game-v0"]


def test_no_strategy_tool_or_searcher_is_replaced():
    for register, names in (
        (register_strategy, strategies),
        (register_tool, tools),
        (register_searcher, registered_searchers()),
    ):
        for name in list(names):
            with pytest.raises(InfrarayError, match=f"{name} is registered already, by "):
                register(name, Other)
    assert find_searcher("random").__name__ == "RandomSearch"


def agent_file(path: Path, answer: int = 0, registered: str = "patient_of_ours") -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "from infraray import ScriptedAgent, register_agent\n\n\n"
        f"@register_agent({registered!r}, scenario='load_balance')\n"
        f"class Patient(ScriptedAgent):\n    def act(self, observation):\n        return {answer}\n"
    )
    return str(path)


def test_a_file_may_come_again_after_an_edit_and_no_other_file_may_take_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load_file(agent_file(tmp_path / "mine.py"))
    agent_file(tmp_path / "mine.py", answer=1)
    load_file("mine.py")  # the same file by another path, as after an edit
    assert registered_agents("load_balance")["patient_of_ours"]().act(None) == 1
    # Two files of one name with a class of one name are two files all the same.
    with pytest.raises(InfrarayError, match=r"patient_of_ours of load_balance .*mine\.py.*theirs.mine\.py"):
        load_file(agent_file(tmp_path / "theirs" / "mine.py"))
    with pytest.raises(InfrarayError, match=r"random of every scenario .*random\.py:.*floor\.py:"):
        load_file(agent_file(tmp_path / "floor.py", registered="random"))


def test_a_scenario_may_have_a_random_agent_of_its_own(tmp_path):
    source = (Path(infraray.__file__).parents[1] / "examples" / "own_scenario.py").read_text()
    own = source.replace("examples/Autoscale-v0", "tests/Autoscale-v0").replace('"autoscale"', '"autoscale_of_tests"')
    path = tmp_path / "scenario.py"
    path.write_text(own.replace('register_agent("follow"', 'register_agent("random"'))
    own_module = load_file(str(path))
    assert registered_agents("autoscale_of_tests")["random"].__module__ == own_module.__name__


NOTEBOOK = '''
import infraray
from infraray.agents import registered_agents

CELL = """
@infraray.register_agent("mine", scenario="caching")
class NAME(infraray.ScriptedAgent):
    def act(self, observation):
        return 0
"""
for name in ("Mine", "Renamed"):
    exec(CELL.replace("NAME", name))
    assert registered_agents("caching")["mine"].__name__ == name
try:
    infraray.register_agent("random")(Renamed)
except infraray.InfrarayError as error:
    assert "random.py" in str(error) and "__main__.Renamed" in str(error), error
else:
    raise SystemExit("the floor was replaced")
'''


def test_a_notebooks_cell_may_be_run_twice_and_renamed():
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
