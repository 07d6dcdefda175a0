# ruff: noqa: E501 (a table reads better with a case a line)
"""Every bad run file gets one clear line that names the file, the line, the field and the fix."""

from pathlib import Path

import pytest

from infraray.errors import InfrarayError
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.scenarios.routing.environment import Routing

GOOD = "scenarios: [load_balance]\nagents: ['scripted:random']\n"


def error_of(tmp_path: Path, text: str) -> str:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(InfrarayError) as caught:
        make_plan(RunSpec.load(path))
    return str(caught.value).replace(str(tmp_path) + "/", "")


def test_a_good_file_has_a_plan(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    plan = make_plan(RunSpec.load(tmp_path / "good.yaml"))
    assert (plan.spec.name, plan.total) == ("good", 10)


def test_an_optional_scenario_is_left_out_where_it_cannot_be_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optional = {"scenario": "routing", "optional": True}
    asked = {"name": "some", "agents": ["scripted:random"], "scenarios": ["load_balance", optional]}
    monkeypatch.setattr(Routing, "problem", lambda: None)
    plan = make_plan(RunSpec.parse(asked))
    assert (plan.total, plan.left_out) == (20, ())
    monkeypatch.setattr(Routing, "problem", lambda: "apt-get install mininet (not installed)")
    plan = make_plan(RunSpec.parse(asked))
    assert (plan.total, plan.left_out) == (10, ("routing is left out: apt-get install mininet (not installed)",))
    with pytest.raises(InfrarayError, match="scenarios: nothing is left to play; routing is left out: apt-get"):
        make_plan(RunSpec.parse({**asked, "scenarios": [optional]}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "run.yaml: must be a mapping"),
        ("- a\n", "run.yaml: must be a mapping"),
        ("a: [1\n", "run.yaml:2: not valid YAML"),
        ("a: !!python/object:os.system x\n", "run.yaml:1: not valid YAML"),
        ("agents: []\n", "run.yaml:1: scenarios: required and not given"),
        (GOOD + "sceds: 3\n", "run.yaml:3: sceds: no such field; did you mean seeds?"),
        (GOOD + "seeds: none\n", "run.yaml:3: seeds='none': must be a count such as 20"),
        (GOOD + "seeds: 0\n", "run.yaml:3: seeds"),
        (GOOD + "seeds: -4\n", "run.yaml:3: seeds"),
        (GOOD + "seeds: 5:5\n", "run.yaml:3: seeds='5:5': must hold at least one seed"),
        (GOOD + "seeds: [1, x]\n", "run.yaml:3: seeds"),
        (GOOD + "repetitions: 0\n", "run.yaml:3: repetitions=0"),
        (GOOD + "limits:\n  episode_s: -1\n", "run.yaml:4: limits.episode_s=-1"),
        (GOOD + "limits:\n  retries: many\n", "run.yaml:4: limits.retries='many'"),
        (GOOD + "name: ../../etc\n", "run.yaml:3: name='../../etc'"),
        (GOOD + "workers: 0\n", "run.yaml:3: workers=0"),
        (GOOD + "1: 2\n", "run.yaml"),
        ("scenarios:\n  - load_balanc\nagents: ['scripted:random']\n", "did you mean load_balance?"),
        ("scenarios:\n  - scenario: 7\n", "run.yaml:2: scenarios.0.scenario=7"),
        ("scenarios:\n  - scenario: load_balance\n    level: 9\nagents: ['scripted:random']\n", "level=9"),
        ("scenarios:\n  - scenario: load_balance\n    lavel: 1\n", "run.yaml:3: scenarios.0.lavel: no such field; did you mean level or label?"),
        (
            "scenarios:\n  - scenario: load_balance\n    parameters: {num_server: 3}\nagents: ['scripted:random']\n",
            "num_server: no such field; did you mean num_servers?",
        ),
        (
            "scenarios:\n  - scenario: load_balance\n    parameters: {num_servers: three}\nagents: ['scripted:random']\n",
            "num_servers='three'",
        ),
        (
            "scenarios:\n  - scenario: load_balance\n    parameters: {text: false}\nagents: ['scripted:random']\n",
            "text: belongs beside 'parameters', not inside",
        ),
        ("scenarios: [load_balance]\n", "no agents; list some"),
        ("scenarios: [load_balance]\nagents: [random]\n", "agent='random': must start with one of scripted:, chat:"),
        ("scenarios: [load_balance]\nagents: ['scripted:jsq']\n", "unknown agent scripted:jsq for load_balance"),
        ("scenarios: [load_balance]\nagents: ['scripted:random', 'scripted:random']\n", "is listed twice"),
        ("scenarios: [load_balance]\nagents: ['scripted:power_of_two?choice=2']\n", "unknown option choice; did you mean choices?"),
        ("scenarios: [load_balance]\nagents: ['scripted:power_of_two?choices=0']\n", "choices=0: must be a whole number"),
        ("scenarios: [load_balance]\nagents: ['python:nowhere.py:X']\n", "nowhere.py: cannot be read"),
        ("scenarios: [load_balance]\nagents: ['python:nowhere:X']\n", "nowhere does not import"),
        ("scenarios: [load_balance]\nagents: ['python:math:nothing']\n", "math has no nothing"),
        ("scenarios: [load_balance]\nagents: ['python:math:pi']\n", "python:math:pi: is neither a class nor a function"),
        ("scenarios: [load_balance, load_balance]\nagents: ['scripted:random']\n", "a second 'load_balance'; give each a label"),
        ("scenarios: [load_balance]\nagents: ['python:tests.runs.test_errors:Chooses']\n", "must be a subclass of infraray.Agent, or a function"),
        ("scenarios: [load_balance, {scenario: load_balance, label: same, seeds: '9:20'}]\nagents: ['scripted:random']\n", "scripted:random plays the same tasks in 'load_balance' and 'same'"),
        (GOOD + "imports: [nowhere.py]\n", "nowhere.py: cannot be read"),
        ("scenarios:\n  - {scenario: inference, parameters: {model: ''}}\nagents: ['scripted:defaults']\n", "run.yaml:2: scenarios.0: inference: model='': name a local folder"),
        ("scenarios: [load_balance]\nagents: ['chat:m@https://api.openai.com/v1']\n", "OPENAI_API_KEY is not set; export"),
        ("scenarios: [load_balance]\nagents: ['chat:m@http://localhost:1/v1?api_key_env=NO_KEY_OF_OURS']\n", "NO_KEY_OF_OURS is not set; export"),
    ],
)  # fmt: skip
def test_a_bad_file_gets_one_line(tmp_path: Path, text: str, expected: str) -> None:
    error = error_of(tmp_path, text)
    assert expected in error
    assert "\n" not in error


class Chooses:
    """Acts, and is no agent."""

    def act(self, observation):
        return 0


def test_one_scenario_may_stand_twice_with_other_seeds() -> None:
    scenarios = ["load_balance", {"scenario": "load_balance", "label": "more", "seeds": "10:20"}]
    plan = make_plan(RunSpec.parse({"name": "x", "scenarios": scenarios, "agents": ["scripted:random"]}))
    assert len({spec.id for spec in plan.episodes()}) == plan.total == 20


def test_every_mistake_of_a_file_is_named(tmp_path: Path) -> None:
    error = error_of(tmp_path, GOOD + "repetitions: 0\nworkers: none\n")
    assert [line.partition("=")[0] for line in error.splitlines()] == [
        "run.yaml:3: repetitions",
        "run.yaml:4: workers",
    ]


def test_a_missing_binary_or_nested_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InfrarayError, match=r"nowhere\.yaml: cannot be read"):
        RunSpec.load(tmp_path / "nowhere.yaml")
    with pytest.raises(InfrarayError, match="cannot be read"):
        RunSpec.load(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InfrarayError, match="not a text file"):
        RunSpec.load(tmp_path / "binary.yaml")
    (tmp_path / "deep.yaml").write_text("[" * 5000)
    with pytest.raises(InfrarayError, match=r"deep\.yaml"):
        RunSpec.load(tmp_path / "deep.yaml")


def test_a_users_file_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(InfrarayError, match=r"mine.py: its import fails: ModuleNotFoundError: No module named"):
        make_plan(RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "imports": [str(tmp_path / "mine.py")]}))


def test_seeds_are_counts_ranges_or_lists() -> None:
    for seeds, expected in ((3, [0, 1, 2]), ("5:8", [5, 6, 7]), ([9, 4], [9, 4]), ("2", [0, 1])):
        run = RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "seeds": seeds})
        assert list(run.seeds) == expected


def test_a_range_without_quotes_is_no_number_to_the_base_of_sixty(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(GOOD + "seeds: 10:30\nlimits: {episode_s: 1e-1}\n")
    run = RunSpec.load(tmp_path / "run.yaml")
    assert list(run.seeds) == list(range(10, 30))
    assert run.limits.episode_s == 0.1


def test_a_run_survives_being_written_and_read() -> None:
    run = RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "seeds": "5:8", "agents": ["scripted:*"]})
    assert RunSpec.parse(run.model_dump(mode="json")) == run


def test_an_agent_of_a_changed_module_is_another_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_id(agent: str) -> bytes:
        plan = make_plan(RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "agents": [agent]}))
        assert not plan.sources, "workers import modules by name"
        return next(plan.episodes()).id

    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "module_of_ours.py"
    module.write_text("def act(observation):\n    return 0\n")
    before = first_id("python:module_of_ours:act")
    assert first_id("python:module_of_ours:act") == before
    module.write_text("def act(observation):\n    return 1\n")
    assert first_id("python:module_of_ours:act") != before
    plan = make_plan(RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "agents": ["python:random:choice"]}))
    assert next(plan.episodes()).entry.files == {}


def test_files_travel_in_the_order_of_their_imports(tmp_path: Path) -> None:
    names = [str(tmp_path / f"{name}.py") for name in "hcagbdfe"]
    for name in names:
        Path(name).write_text("")
    asked = {"name": "x", "scenarios": ["load_balance"], "agents": ["scripted:random"], "imports": names}
    assert list(make_plan(RunSpec.parse(asked)).sources) == names


def test_all_scripted_agents_are_meant_by_a_star() -> None:
    plan = make_plan(RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "agents": ["scripted:*"]}))
    agents = [entry.agent for entry in plan.lineups[0].entries]
    assert "scripted:random" in agents and "scripted:sita_e" in agents
    assert len(agents) == 9


def test_a_study_given_as_a_run_and_a_run_given_as_a_study_is_one_line(tmp_path):
    from infraray.tune.study_file import StudySpec

    (tmp_path / "study.yaml").write_text("scenario: caching\nagents: [scripted:s3_fifo]\nsearcher: tpe\nseeds: 0:10\n")
    with pytest.raises(InfrarayError) as refused:
        RunSpec.load(tmp_path / "study.yaml")
    path = tmp_path / "study.yaml"
    assert (
        str(refused.value) == f"{path}: is a study (it has 'scenario', not 'scenarios'); use 'infraray search {path}'"
    )
    (tmp_path / "run.yaml").write_text("scenarios: [caching]\nagents: [scripted:s3_fifo]\nrepetitions: 3\n")
    with pytest.raises(InfrarayError) as refused:
        StudySpec.load(tmp_path / "run.yaml")
    path = tmp_path / "run.yaml"
    assert str(refused.value) == f"{path}: is a run (it has 'scenarios', not 'scenario'); use 'infraray run {path}'"
