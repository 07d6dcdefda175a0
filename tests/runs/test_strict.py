"""What a person wrote is read as it stands, or refused in one line of ours with its field, its value and its line."""

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from infraray.agents.chat.options import ChatOptions
from infraray.agents.chat.prices import read_price
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError, explain_validation
from infraray.load.workloads import Workload
from infraray.registration import find, registrations
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.strict import StrictModel
from infraray.tune.study_file import StudySpec
from infraray.yaml_file import read_yaml

GOOD = "scenarios: [load_balance]\nagents: ['scripted:random']\n"
MODELS: list[type[BaseModel]] = [RunSpec, StudySpec, EngineSpec, ChatOptions, Workload]
MODELS += [found.environment_class().Parameters for found in registrations() if found.id.startswith("infraray/")]

WRONG: list[Any] = [True, False, "010", "1e3", "yes", "", "x" * 300, math.nan, math.inf, -math.inf, 10**400, -(10**9)]
WRONG += [None, [], {}, [[]], {"a": []}, {1: 2}, b"x", object, 1.5, ["x", 1], "\ud800", "a\nb"]


def every_field() -> list[Any]:
    return [pytest.param(model, name, id=f"{model.__name__}.{name}") for model in MODELS for name in model.model_fields]


@pytest.mark.parametrize(("model", "name"), every_field())
def test_every_wrong_value_of_every_field_is_told_in_our_words(model: type[BaseModel], name: str) -> None:
    for value in WRONG:
        try:
            model.model_validate({name: value})
        except ValidationError as error:
            for place, line in explain_validation(error, model):
                assert "\n" not in line and "nput should" not in line and "alue error" not in line, line
                assert "validation" not in line and "pydantic" not in line and "cannot be read (" not in line, line
                if place:
                    assert line.startswith(str(place[0]))


class Kinds(StrictModel):
    count: int = 1
    share: float = 0.5
    maybe: int | None = None
    rates: tuple[float, ...] = ()
    by_name: dict[str, int] = {}  # noqa: RUF012 (pydantic copies it)
    on: bool = True
    either: bool | int = True
    words: str = ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("count", "share", "maybe") for value in (True, False, "5", "010", "0x1F", " 7")),
        *(("rates", [1.0, value]) for value in (True, "2")),
        *(("by_name", {"a": value}) for value in (True, "2")),
        *(("on", value) for value in (0, 1, "true", "no", "on")),
        *(("words", value) for value in (1, 1.5, True)),
    ],
)
def test_no_value_passes_in_the_guise_of_another(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Kinds.model_validate({name: value})
    ((_, line),) = explain_validation(refused.value, Kinds)
    assert line.startswith(f"{name}={value!r}: ") or line.startswith(f"{name}.a={value['a']!r}")


def test_what_stands_there_is_taken() -> None:
    given = {"count": 2, "share": 1, "maybe": None, "rates": [1, 2.5], "by_name": {"a": 1}, "on": False, "either": 3}
    assert Kinds.model_validate(given).model_dump() == {**given, "rates": (1, 2.5), "words": ""}


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("seeds: 3\nseeds: 5\n", 4, "seeds is given twice, first in line 3; keep one"),
        ("limits:\n  retries: 1\n  retries: 1\n", 5, "retries is given twice, first in line 4"),
        ("limits: {retries: 1, 'retries': 2}\n", 3, "retries is given twice"),
        ("engines: {a: &x {model: m, model: n}}\n", 3, "model is given twice"),
        ("repetitions: true\n", 3, "repetitions=True: must be a number"),
        ("repetitions: yes\n", 3, "repetitions=True: must be a number"),
        ("repetitions: 010\n", 3, "repetitions='010': must be a number, written in digits"),
        ("repetitions: '3'\n", 3, "repetitions='3': must be a number"),
        ("repetitions: 2026-01-01\n", 3, "repetitions=datetime.date(2026, 1, 1): must be a valid integer"),
        ("repetitions: .nan\n", 3, "repetitions=nan: must be"),
        ("limits: {episode_s: .inf}\n", 3, "limits.episode_s=inf: must be a finite number"),
        (f"repetitions: {'9' * 30}\n", 3, "must be less than or equal to 1000000"),
        (f"repetitions: {'9' * 9999}\n", None, "not valid YAML"),
        ("name: 5\n", 3, "name=5: must be text; numbers and true or false go in quotes"),
        ("engines: {true: {model: m}}\n", 3, "=True: must be text"),
        ('imports: ["a\\0.py"]\n', 3, "must not hold the character NUL"),
        ("imports: &a [*a]\n", 3, "it contains itself"),
        ("limits:\n\tretries: 1\n", 4, "not valid YAML"),
        ("? [1]\n: 2\n", 3, "not valid YAML"),
    ],
)
def test_a_file_is_read_strictly(tmp_path: Path, text: str, line: int | None, expected: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(GOOD + text)
    with pytest.raises(InfrarayError) as refused:
        make_plan(RunSpec.load(path))
    said = str(refused.value).splitlines()[0]
    assert expected in said and said.startswith(f"{path}:{line}: " if line else str(path))


def test_contradictions_name_both_fields_and_the_line(tmp_path: Path) -> None:
    for parameters, expected in (
        ("{num_servers: 5, service_rates: [1]}", "num_servers=5: has no effect: service_rates is given, for 1"),
        ("{num_servers: 3, service_rates: [1]}", "num_servers=3: has no effect: service_rates"),
        ("{slowest_rate: 3, fastest_rate: 2}", "slowest_rate=3 is above fastest_rate=2; swap them"),
        ("{slowest_rate: 2.5}", "slowest_rate=2.5 is above fastest_rate=2; swap them"),
    ):
        path = tmp_path / "run.yaml"
        path.write_text(
            "agents: ['scripted:random']\nscenarios:\n"
            f"  - scenario: load_balance\n    parameters:\n      {parameters}\n"
        )
        with pytest.raises(InfrarayError) as refused:
            make_plan(RunSpec.load(path))
        assert expected in str(refused.value) and str(refused.value).startswith(f"{path}:5: "), refused.value


def test_parameters_that_were_written_down_can_be_read_back() -> None:
    environment_class = find("load_balance").environment_class()
    parameters = environment_class(service_rates=[1.0]).parameters
    assert environment_class(**parameters.model_dump(mode="json")).parameters == parameters


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes((GOOD + "# é\n").encode(encoding))
    assert RunSpec.load(path).scenarios[0].scenario == "load_balance"


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    for number, content in enumerate((b"\xff", "seeds: é".encode("latin-1"), b"\xff\xfe\x00", b"a: \x00")):
        path = tmp_path / f"{number}.yaml"
        path.write_bytes(content)
        with pytest.raises(InfrarayError) as refused:
            read_yaml(path, "'scenarios'")
        assert str(refused.value).startswith(str(path)) and "\n" not in str(refused.value)


def test_a_few_lines_cannot_stand_for_more_than_memory_holds(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    path.write_text("\n".join(lines))
    with pytest.raises(InfrarayError, match=r"bomb\.yaml:\d+: not valid YAML: it stands for too much"):
        read_yaml(path, "'scenarios'")


def test_merge_keys_and_anchors_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        "agents: ['scripted:random']\nscenarios:\n  - &one {scenario: load_balance, level: 1}\n"
        "  - {<<: *one, label: two, seeds: '20:30'}\n"
    )
    assert [section.label for section in RunSpec.load(path).scenarios] == [None, "two"]


def test_studies_and_prices_are_as_strict(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    for text, line, expected in (
        ("scenario: caching\nseed: 1\nseed: 2\n", 3, "seed is given twice, first in line 2"),
        ("scenario: caching\nseed: true\n", 2, "seed=True: must be a number"),
        ("scenario: caching\nbudget: {trials: '5'}\n", 2, "budget.trials='5': must be a number"),
    ):
        study.write_text(text)
        with pytest.raises(InfrarayError) as refused:
            StudySpec.load(study)
        assert str(refused.value).startswith(f"{study}:{line}: ") and expected in str(refused.value)
    prices = tmp_path / "prices.yaml"
    for text, expected in (
        ("m: {input_per_million: 1, output_per_million: true}\n", "m.output_per_million=True: must be a number"),
        ("m: {input_per_million: 1}\n", "m.output_per_million: required and not given"),
        ("m: 1\n", "m: must be a mapping of names to values"),
        ("m: {input_per_million: 1, output_per_million: 2}\nm: {}\n", "m is given twice, first in line 1"),
    ):
        prices.write_text(text)
        with pytest.raises(InfrarayError) as refused:
            read_price(prices, "m")
        assert str(prices) in str(refused.value) and expected in str(refused.value), refused.value


WAITING = """
import infraray

class Waits(infraray.ScriptedAgent):
    async def act(self, observation):
        return 0

def answers(observation):
    return 0
"""


@pytest.mark.parametrize(
    ("name", "value", "of_those_that_wait"),
    [
        *((name, 5, True) for name in ("conversation_s", "tokens", "agent_tokens", "episode_tokens")),
        *((name, 0.5, True) for name in ("cost", "agent_cost", "episode_cost")),
        ("episode_s", 5, False),
        ("concurrency", 5, True),
    ],
)
def test_a_limit_that_limits_nobody_is_refused(name, value, of_those_that_wait, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "waiting.py").write_text(WAITING)
    agents = {True: "python:waiting.py:Waits", False: "python:waiting.py:answers"}

    def write(*played: str) -> None:
        limit = f"{name}: {value}" if name == "concurrency" else f"limits:\n  {name}: {value}\n  retries: 1"
        path.write_text(f"scenarios: [load_balance]\nagents: {list(played)}\n{limit}\n")

    path = tmp_path / "run.yaml"
    write(agents[not of_those_that_wait])
    with pytest.raises(InfrarayError) as refused:
        make_plan(RunSpec.load(path))
    place = "run.yaml:3: concurrency" if name == "concurrency" else f"run.yaml:4: limits.{name}"
    said = "every agent waits" if name == "episode_s" else "no agent waits"
    assert str(refused.value).startswith(f"{tmp_path}/{place}: {value}: has no effect: {said} for others")
    assert "\n" not in str(refused.value)
    for played in ([agents[of_those_that_wait]], list(agents.values())):
        write(*played)
        assert make_plan(RunSpec.load(path)).total > 0
