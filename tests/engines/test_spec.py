"""What a person writes about an engine, and the command line and reasons that follow."""

from typing import Any

import pytest

from infraray.code_identity import code_modules
from infraray.engines import EngineSpec, find_engine, read_engine_spec
from infraray.errors import InfrarayError, without_secrets
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec

RUNS_ALREADY = {"engine": "url", "url": "http://h/v1", "model": "m"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"engine": "vlm", "model": "m"}, "unknown engine 'vlm'; did you mean vllm?"),
        ({"engine": "vllm"}, "needs one: a folder, a name"),
        ({"model": "m", "replica": 2}, "did you mean replicas?"),
        ({"model": "m", "replicas": 0}, "must be at least 1"),
        ({"model": "m", "replicas": {"min": 3, "max": 2}}, "must not be greater than max=2"),
        ({"model": " "}, "needs one: a folder, a name"),
        ({"model": "m", "python": " "}, "python: must be the path of an interpreter"),
        ({"model": "m\0"}, "must not hold the character NUL"),
        ({"model": "m", "env": {"A": "b\0"}}, "must not hold the character NUL"),
        ({"model": "m", "num_gpus": 1.5}, "num_gpus=1.5: must be a whole number, or a share below 1"),
        ({"engine": "url"}, "needs url"),
        ({"engine": "url", "url": "host:8000"}, "must begin with http://"),
        ({"engine": "url", "url": "http://localhost:80OO/v1"}, "url='http://localhost:80OO/v1': its port must be"),
        ({"engine": "url", "url": "http://localhost:99999/v1"}, "a number from 1 to 65535"),
        ({"engine": "url", "url": "http://localhost:0"}, "a number from 1 to 65535"),
        ({"engine": "url", "url": "http://:8000/v1"}, "url='http://:8000/v1': names no host"),
        ({"engine": "url", "url": "http://[::1/v1"}, "url='http://[::1/v1'"),
        ({"engine": "vllm", "model": "m", "url": "http://h/v1"}, "leave url out to start vllm"),
        ({"engine": "tgi", "model": "m", "flags": {"model-id": "n"}}, "flags.model-id='n': is set by infraray"),
        ({"model": "m", "flags": {"port": 8000}}, "flags.port=8000: is set by infraray"),
        ({"model": "m", "ready_timeout_s": 0}, "greater than 0"),
        (RUNS_ALREADY | {"command": "run"}, "command: no effect on an engine that runs already"),
        (RUNS_ALREADY | {"flags": {"a": 1}}, "flags: no effect"),
        (RUNS_ALREADY | {"env": {"A": "1"}}, "env: no effect"),
        (RUNS_ALREADY | {"python": "/usr/bin/python3", "num_gpus": 1}, "python and num_gpus: no effect"),
        (RUNS_ALREADY | {"num_cpus": 2, "replicas": 2}, "replicas and num_cpus: no effect"),
        ({"model": "m", "command": "run {model}", "python": "/usr/bin/python3"}, "python: has no effect"),
        ({"model": "m", "replicas": {"max": 1, "conversations": 8}}, "conversations=8: has no effect"),
    ],
)
def test_a_mistake_is_one_line(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InfrarayError) as refused:
        read_engine_spec(given)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_number_of_replicas_is_fixed_and_a_command_is_split() -> None:
    spec = read_engine_spec({"engine": "tgi", "model": "m", "replicas": 2, "command": "run '{model}' --port {port}"})
    assert (spec.replicas.min, spec.replicas.max) == (2, 2)
    assert spec.command == ("run", "{model}", "--port", "{port}")
    assert read_engine_spec({"model": "m", "env": {"A": 1}}).env == {"A": "1"}


def test_flags_become_words() -> None:
    flags = {"max_model_len": 4096, "enforce_eager": True, "enable_prefix_caching": False, "seed": None}
    flags |= {"speculative_config": {"method": "ngram"}, "lora-modules": ["a", "b"]}
    words = ["--max-model-len", "4096", "--enforce-eager", "--no-enable-prefix-caching"]
    words += ["--speculative-config", '{"method": "ngram"}', "--lora-modules", "a", "b"]
    assert find_engine("vllm").flag_words(flags) == words
    assert "--no-enable-prefix-caching" not in find_engine("sglang").flag_words(flags)


@pytest.mark.parametrize("url", ["http://localhost", "https://h/v1", "http://h:/v1", "http://[::1]:8000/v1/"])
def test_a_url_without_a_port_or_with_an_address_is_one(url: str) -> None:
    assert read_engine_spec({"engine": "url", "url": url}).url == url


@pytest.mark.parametrize("name", ["vllm", "sglang", "tgi", "transformers", "onnx"])
def test_every_engine_gets_its_model_and_port(name: str) -> None:
    kind = find_engine(name)
    places = {"python": "py", "model": "m", "host": "h", "port": "1"}
    command = kind.command_line(kind.command, places, {})
    assert command[0] == ("text-generation-launcher" if name == "tgi" else "py")
    assert {"m", "h", "1"} < set(command) and "{" not in "".join(command)


@pytest.mark.parametrize("name", ["transformers", "onnx"])
def test_the_programs_of_our_own_servers_decide_the_answers(name: str) -> None:
    kind = find_engine(name)
    programs = {f"infraray.engines.servers.{part}" for part in (f"{name}_server", "openai_api")}
    assert programs <= set(code_modules(type(kind), *kind.parts()))


@pytest.mark.parametrize(
    ("name", "flag", "neutral"), [("vllm", "--generation-config", "vllm"), ("sglang", "--sampling-defaults", "openai")]
)
def test_no_engine_samples_as_the_models_folder_says_unless_it_is_told_to(name: str, flag: str, neutral: str) -> None:
    kind = find_engine(name)
    plain = kind.command_line(kind.command, {}, {})
    assert plain[plain.index(flag) + 1] == neutral
    told = kind.command_line(kind.command, {}, {flag: "auto"})
    # The last one holds.
    assert told[-2:] == [flag, "auto"]


@pytest.mark.parametrize(
    ("engine", "log", "reason"),
    [
        (
            "vllm",
            "(EngineCore_DP0 pid=12) ERROR 11-21 04:12:01 [core.py:858] ValueError: Free memory (1.2/139.7 GiB)"
            " is less than desired\n(APIServer pid=9) RuntimeError: Engine core initialization failed. See root cause"
            " above. Failed core proc(s): {}",
            "ValueError: Free memory (1.2/139.7 GiB) is less than desired",
        ),
        (
            "vllm",
            "(EngineCore pid=1) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
            "KeyError: 'something later'",
            "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        ),
        (
            "vllm",
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
            "  Value error, max_model_len (9) is too large [type=value_error, input_value=A(), input_type=A]",
            "ValidationError: max_model_len (9) is too large",
        ),
        (
            "vllm",
            "usage: api_server.py [-h]\napi_server.py: error: unrecognized arguments: --x",
            "unrecognized arguments: --x",
        ),
        (
            "sglang",
            "[2026-11-21 04:12:01 TP0] Scheduler hit an exception:\nRuntimeError: Not enough memory.\nEOFError",
            "RuntimeError: Not enough memory.",
        ),
        ("transformers", "serving\nall is well", None),
    ],
)
def test_the_reason_is_the_cause_and_not_its_symptom(engine: str, log: str, reason: str | None) -> None:
    assert find_engine(engine).reason(log) == reason


def test_a_secret_starts_the_engine_and_stands_in_no_file() -> None:
    env = {"HF_TOKEN": "hf_abc", "aws_secret_access_key": "s3", "DB_PASSWORD": "pw", "HF_HOME": "/models"}
    spec = EngineSpec(model="m", env=env)
    assert spec.env == env
    shown = {**dict.fromkeys(env, "..."), "HF_HOME": "/models"}
    assert spec.identity["env"] == shown
    run = {"name": "x", "scenarios": ["load_balance"], "agents": ["scripted:random"], "engines": {"e": spec}}
    assert make_plan(RunSpec.parse(run)).manifest().plan.engines["e"]["env"] == shown
    tuned = {"scenario": "inference", "parameters": {"model": "m", "env": env}, "agents": ["scripted:random"]}
    manifest = make_plan(RunSpec.parse({"name": "x", "scenarios": [tuned]})).manifest()
    assert manifest.scenarios["inference"].parameters["env"] == shown
    assert "hf_abc" not in manifest.model_dump_json()


@pytest.mark.parametrize(
    "given",
    [
        {"env": "MiniGrid-KeyCorridorS3R1-v0"},
        {"env": ["monkey", "b"]},
        {"env": {"TOKENIZERS_PARALLELISM": "1", "VLLM_MAX_TOKENS_PER_EXPERT_FUSED_MOE": "8192"}},
    ],
)
def test_what_is_no_secret_stays_as_it_is(given: dict[str, Any]) -> None:
    assert without_secrets(given) == given


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "OPENAI_API_KEY", "APIKEY", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "API_KEYS", "API_KEY2"]
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert without_secrets({"env": {name: "x"}}) == {"env": {name: "..."}}
    assert without_secrets({"env": f"{name}=x"}) == {"env": "..."}


def test_another_token_is_the_same_engine() -> None:
    first, second = (EngineSpec(model="m", env={"HF_TOKEN": token}) for token in ("old", "new"))
    assert first.identity == second.identity
    first, second = (EngineSpec(model="m", env={"HF_HOME": home}) for home in ("/keys", "/tokens"))
    assert first.identity != second.identity


@pytest.mark.parametrize(
    "given",
    [
        {"engine": "vllm", "env": {"HF_TOKEN": "hf_abc", "HF_HOME": "/models"}},
        {"model": "m", "env": {"HF_TOKEN": ["hf_abc"]}},
        {"model": "m", "env": ["HF_TOKEN=hf_abc"]},
        {"model": "m", "env": "HF_TOKEN=hf_abc"},
    ],
)
def test_a_mistake_is_told_without_secrets(given: dict[str, Any]) -> None:
    run = {"name": "x", "scenarios": ["load_balance"], "agents": ["scripted:random"]}
    for engines in ({"e": given}, [given]):
        with pytest.raises(InfrarayError) as refused:
            RunSpec.parse({**run, "engines": engines})
        assert "engines" in str(refused.value) and "hf_abc" not in str(refused.value)
    with pytest.raises(InfrarayError) as refused:
        read_engine_spec(given)
    assert "hf_abc" not in str(refused.value)


def test_a_spec_can_be_sent() -> None:
    spec = EngineSpec(model="m", replicas={"min": 1, "max": 2})
    assert EngineSpec.model_validate(spec.model_dump()) == spec
