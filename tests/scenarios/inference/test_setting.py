"""What is the same for every configuration: the context that is read from flags, and mistakes in one line."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.load.presets import PRESETS
from infraray.load.workloads import Workload
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.setting import Setting

UNCUT = {2048, 4096, 8192, 16384, 32768}
"""The batches of the space ``vllm``."""


def too_small(flags: dict[str, Any], folder: Path) -> set[Any]:
    """The batches that the space of a setting does not let hold a whole prompt."""
    workload = Workload.parse("inference", PRESETS["C-cpu"])
    space = Setting(str(folder), workload, ("vllm",), flags={"vllm": flags}).space
    configuration = {**space.default, "enable_chunked_prefill": False}
    return {size for size in UNCUT if space.broken_rule({**configuration, "max_num_batched_tokens": size})}


@pytest.mark.parametrize(
    ("flags", "context"),
    [
        ({"max_model_len": 8192}, 8192),
        ({"max-model-len": "8192"}, 8192),
        ({"--max-model-len": "8k"}, 8000),
        ({"max_model_len": "8K"}, 8192),
        ({"max_model_len": "8.2k"}, 8200),
        ({"max_model_len": "16k"}, 16_000),
        # What is no number leaves the model's own context.
        ({"max_model_len": "auto"}, 32_768),
        ({"max_model_len": -1}, 32_768),
        ({"max_model_len": None}, 32_768),
        ({"max_model_len": [4096]}, 32_768),
        ({}, 32_768),
    ],
)
def test_the_context_is_read_as_vllm_reads_it(flags: dict[str, Any], context: int, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 32_768}))
    assert too_small(flags, tmp_path) == {size for size in UNCUT if size < context}


@pytest.mark.parametrize(
    ("config", "flags", "refused"),
    [
        ({"max_position_embeddings": 128}, {}, None),
        ({"max_position_embeddings": 127}, {}, "the reference server holds 127"),
        ({"max_position_embeddings": 127}, {"max_model_len": 8192}, "the reference server holds 127"),
        ({"max_position_embeddings": 32_768}, {"max_model_len": 100}, "vllm by its flags holds 100"),
        ({"max_position_embeddings": "many"}, {}, None),
        ({}, {}, None),
        ([], {}, None),
    ],
)
def test_sequences_that_an_engine_cannot_hold_are_refused_in_one_line(
    config: Any, flags: dict[str, Any], refused: str | None, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    workload = Workload.parse("inference", {"input_tokens": 64, "output_tokens": 64})
    setting = Setting(str(tmp_path), workload, ("transformers", "vllm"), flags={"vllm": flags})
    if refused is None:
        setting.check_context()
        return
    with pytest.raises(
        InfrarayError, match=r"input_tokens=64 and output_tokens=64 make sequences of 128 tokens"
    ) as told:
        setting.check_context()
    assert refused in str(told.value) and "\n" not in str(told.value)


def test_without_a_config_the_context_is_the_workloads(tmp_path: Path) -> None:
    assert too_small({"max_model_len": "auto"}, tmp_path) == set()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workload": {"preset": [1]}}, "no workload [1]; known are A,"),
        ({"workload": {"preset": "C-qick"}}, "did you mean C-quick"),
        ({"workload": {"preset": "C-cpu", 5: 3}}, "names must be text"),
        ({5: 3}, "names must be text"),
        (
            {"flags": {"vllm-cpu": {"port": 8000}}},
            "flags={'vllm-cpu': {'port': 8000}}: port=8000: is set by infraray; leave it out",
        ),
        ({"flags": {"transformers": {"--model": "m"}}}, "--model='m': is set by infraray"),
        ({"flags": {"vllm": {"seed": 1}}}, "'vllm' is not in engines; did you mean vllm-cpu?"),
        ({"flags": {"all": {"seed": 1}}}, "'all' is not in engines; known are transformers, vllm-cpu"),
        ({"python": {"vlm-cpu": "/bin/python"}}, "'vlm-cpu' is not in engines; did you mean vllm-cpu?"),
    ],
)
def test_a_mistake_is_one_line(given: dict[Any, Any], words: str) -> None:
    with pytest.raises(InfrarayError) as refused:
        InferenceParameters.parse("inference", {"engines": ["vllm-cpu"], **given})
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_engines_the_reference_and_all_of_them_may_be_named() -> None:
    parameters = InferenceParameters.parse(
        "inference",
        {
            "engines": ["vllm-cpu"],
            "flags": {"vllm-cpu": {"seed": 1}, "transformers": {"dtype": "float32"}},
            "python": {"all": "/a", "transformers": "/b"},
        },
    )
    setting = parameters.setting()
    spec, reference = setting.engine_spec(setting.space.default), setting.reference_spec()
    assert (spec.python, spec.flags) == ("/a", {"seed": 1})
    assert (reference.python, reference.flags) == ("/b", {"dtype": "float32"})


LARGE_BYTES = 16 * 2**20


def identity(model: Path, longbench: Path | None = None) -> Any:
    """As a study or a reference keeps it."""
    workload = Workload.parse("inference", PRESETS["C-cpu"])
    setting = Setting(str(model), workload, ("vllm",), longbench=None if longbench is None else str(longbench))
    return json.loads(json.dumps(setting.identity()))


def write(path: Path, content: bytes) -> None:
    """Writes a file later than all before it, whatever the clock's steps are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before_ns = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(content)
    os.utime(path, ns=(before_ns + 1, before_ns + 1))


@pytest.mark.parametrize("size", [100, LARGE_BYTES])
def test_what_is_replaced_in_place_is_another_model_and_other_documents(size: int, tmp_path: Path) -> None:
    weights, documents = tmp_path / "model" / "weights", tmp_path / "longbench" / "deep" / "data.json"
    for file in (weights, documents):
        write(file, b"a" * size)
    for copy in (documents, tmp_path / "longbench"):
        before = identity(weights.parent, copy)
        assert identity(weights.parent, copy) == before
        write(weights, b"b" * size)
        other_model = identity(weights.parent, copy)
        assert {name for name in before if before[name] != other_model[name]} == {"model"}
        write(documents, b"b" * size)
        other_documents = identity(weights.parent, copy)
        assert {name for name in before if other_model[name] != other_documents[name]} == {"longbench"}
        write(weights, b"a" * size)
        write(documents, b"a" * size)


def test_what_is_moved_is_the_same(tmp_path: Path) -> None:
    for name, size in (("config.json", 100), ("weights", LARGE_BYTES)):
        write(tmp_path / "model" / name, b"a" * size)
        write(tmp_path / "longbench" / name, b"a" * size)
    before = identity(tmp_path / "model", tmp_path / "longbench")
    shutil.copytree(tmp_path, tmp_path / "elsewhere")
    assert identity(tmp_path / "elsewhere" / "model", tmp_path / "elsewhere" / "longbench") == before
    # A copy of a small file has another time and the same content.
    (tmp_path / "model" / "config.json").touch()
    assert identity(tmp_path / "model", tmp_path / "longbench") == before


def test_documents_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InfrarayError) as refused:
        identity(tmp_path, tmp_path / "nowhere")
    assert f"longbench={str(tmp_path / 'nowhere')!r}: no such file or folder" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_setting_that_cannot_be_launched_is_one_line() -> None:
    workload = Workload.parse("inference", PRESETS["C-cpu"])
    setting = Setting("m", workload, ("vllm",), flags={"vllm": {"port": 1}, "transformers": {"host": "h"}})
    with pytest.raises(InfrarayError, match=r"^engine: flags.port=1: is set by infraray; leave it out$"):
        setting.engine_spec(setting.space.default)
    with pytest.raises(InfrarayError, match=r"^engine: flags.host='h': is set by infraray; leave it out$"):
        setting.reference_spec()


def test_a_secret_is_given_to_the_engine_and_is_no_part_of_what_is_measured(tmp_path: Path) -> None:
    write(tmp_path / "config.json", b"{}")
    workload = Workload.parse("inference", PRESETS["C-cpu"])
    settings = [Setting(str(tmp_path), workload, ("vllm",), env={"HF_TOKEN": token, "A": "1"}) for token in ("x", "y")]
    assert settings[0].identity() == settings[1].identity()
    assert settings[0].identity()["env"] == {"HF_TOKEN": "...", "A": "1"}
    assert settings[0].engine_spec(settings[0].space.default).env["HF_TOKEN"] == "x"
