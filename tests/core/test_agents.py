"""Agent specs: one string names any agent, and a wrong one says what is wrong with it."""

import pytest

import infraray
from infraray.agents import AgentSpec, Briefing, load_agent, parse_agent, registered_agents
from infraray.errors import InfrarayError, UnknownName

OWN_AGENT = """
from infraray import Agent

class Always(Agent):
    def __init__(self, server: int = 0):
        if server < 0:
            raise ValueError("server must not be negative")
        self.server = server

    def act(self, observation):
        return self.server

def first(observation):
    return 0

number = 3
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN_AGENT)
    return path


def test_spec_has_a_kind_a_target_and_options_that_yaml_reads():
    assert parse_agent("scripted:power_of_two?choices=3") == AgentSpec("scripted", "power_of_two", (("choices", 3),))
    options = dict(parse_agent("python:m:A?b=true&c=x&d=1.5&e=[1, 2]&a=").options)
    assert options == {"a": None, "b": True, "c": "x", "d": 1.5, "e": [1, 2]}


def test_order_of_options_does_not_matter():
    assert parse_agent("python:m:A?a=1&b=2") == parse_agent("python:m:A?b=2&a=1")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("random", "must start with one of scripted:, chat:"),
        ("", "must start with"),
        ("magic:random", "no kind of agent is called 'magic'; known are chat, "),
        ("script:random", "no kind of agent is called 'script'; did you mean scripted?"),
        ("scripted:", "nothing after 'scripted:'"),
        ("scripted:?a=1", "nothing after"),
        ("python:m:A?a={", "option a='{' is not a YAML value"),
        ("python:m:A?a=2024-13-01", "option a='2024-13-01' is not a YAML value"),
        ("python:m:A?a=1&a=b", "option a is given twice; give it once"),
        ("python:m:A?b=1&a=1&b=1", "option b is given twice; give it once"),
        (None, "must be a spec such as 'scripted:random'"),
        (7, "must be a spec"),
    ],
)
def test_malformed_spec_gets_one_line(spec, reason):
    with pytest.raises(InfrarayError, match="agent=") as caught:
        parse_agent(spec)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_scripted_agent_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="for load_balance; did you mean least_work_left"):
        load_agent("scripted:least_work", "load_balance")


def test_unknown_option_is_answered_with_the_nearest():
    with pytest.raises(InfrarayError, match="unknown option choice; did you mean choices"):
        load_agent("scripted:power_of_two?choice=2", "load_balance")


def test_refused_option_says_why():
    with pytest.raises(InfrarayError, match="choices=0: must be a whole number of at least 1"):
        load_agent("scripted:power_of_two?choices=0", "load_balance")


def test_own_class_and_own_function_are_agents(own):
    environment = infraray.make("load_balance")
    observation, _ = environment.reset(seed=0)
    for target, action in ((f"{own}:Always?server=2", 2), (f"{own}:first", 0)):
        agent = load_agent(f"python:{target}", "load_balance")
        agent.reset(Briefing.of(environment, 0))
        assert agent.act(observation) == action


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("{own}:Alway", "did you mean Always"),
        ("{own}:number", "neither a class nor a function"),
        ("{own}:Always?server=-1", "its options were refused: server must not be negative"),
        ("{own}:Always?speed=1", "unknown option speed"),
        ("{own}", "must name a module and an object"),
        ("{own}x.py:Always", "cannot be read"),
        ("no_such_module:Agent", "no_such_module does not import"),
        ("./mine:A", "./mine is not a module; write a file as in 'python:./mine.py:A'"),
        ("mine/agents:A", "mine/agents is not a module; write a file as in 'python:mine/agents.py:A'"),
        ("..mine:A", "..mine does not import: TypeError: "),
    ],
)
def test_own_agent_that_cannot_be_had_gets_one_line(own, target, reason):
    with pytest.raises(InfrarayError) as caught:
        load_agent("python:" + target.format(own=own), "load_balance")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_own_file_that_fails_to_import_says_where(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("raise KeyError('lost')")
    with pytest.raises(InfrarayError, match=r"broken\.py: its import fails: KeyError: 'lost'"):
        load_agent(f"python:{path}:Agent", "load_balance")


@pytest.mark.parametrize(
    ("source", "reason"), [("def act(:", "SyntaxError: invalid syntax"), ("raise KeyError('lost')", "KeyError: 'lost'")]
)
def test_own_module_that_fails_to_import_says_why(tmp_path, monkeypatch, source, reason):
    (tmp_path / "broken_module.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InfrarayError) as caught:
        load_agent("python:broken_module:act", "load_balance")
    assert f"agent python:broken_module:act: broken_module does not import: {reason}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_own_file_is_part_of_the_identity(own):
    spec = parse_agent(f"python:{own}:Always")
    assert list(spec.files()) == [str(own)]
    assert parse_agent("scripted:random").files() == {}


def test_random_plays_every_scenario_and_scripted_agents_their_own():
    load_agent("scripted:random", "caching")
    assert "random" in registered_agents("abr")
    assert "sita_e" in registered_agents("load_balance") and "sita_e" not in registered_agents("caching")


def test_briefing_does_not_tell_the_task_seed():
    environment = infraray.make("load_balance")
    environment.reset(seed=123456789)
    assert "123456789" not in repr(Briefing.of(environment, 1))
