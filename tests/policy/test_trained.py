"""The trained model that comes with infraray is whole, small, known by its name, and plays."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from infraray import run
from infraray.engines import EngineSpec
from infraray.load.tokenizer import find_tokenizer, local_tokenizer
from infraray.policy import trained
from infraray.policy.tokenizer import CHAT_TEMPLATE, END
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.trajectories.reader import Run

ROOT = Path(__file__).parents[2]


def shapes() -> dict[str, list[int]]:
    """Of the tensors, by the weights' own header."""
    with (trained.FOLDER / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: tensor["shape"] for name, tensor in header.items() if name != "__metadata__"}


def test_it_has_the_parameters_that_it_says_in_ten_megabytes() -> None:
    made = json.loads((trained.FOLDER / "made.json").read_text())
    assert sum(map(math.prod, shapes().values())) == made["parameters"]
    assert sum(path.stat().st_size for path in trained.FOLDER.iterdir()) < 10_000_000


def test_its_tokenizer_is_as_the_policy_makes_them() -> None:
    tokenizer = find_tokenizer(trained.NAME)._tokenizer
    assert (tokenizer.chat_template, tokenizer.eos_token) == (CHAT_TEMPLATE, END)
    assert len(tokenizer) == shapes()["model.embed_tokens.weight"][0]
    text = 'Server 3: 12.5 jobs; é\n{"server": 3}'
    assert tokenizer.decode(tokenizer(text).input_ids) == text


@pytest.mark.parametrize("beside", [False, True])
def test_its_name_means_it_whatever_lies_in_the_working_folder(
    beside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if beside:
        (tmp_path / trained.NAME).mkdir()
    assert trained.model_folder(trained.NAME) == str(trained.FOLDER)
    assert trained.model_folder(f"./{trained.NAME}") == f"./{trained.NAME}"
    tokenizer = local_tokenizer(trained.NAME)
    assert tokenizer is not None and tokenizer.folder == trained.FOLDER
    assert InferenceParameters().setting().model == str(trained.FOLDER)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "transformers", "onnx"])
def test_servers_know_it_by_its_name(engine: str) -> None:
    spec = EngineSpec(engine=engine, model=trained.NAME)
    assert spec.served_model == trained.NAME
    assert [*spec.server_flags.values()] == [trained.NAME]
    named = EngineSpec(engine=engine, model=trained.NAME, flags={"--served_model_name": "other"})
    assert (named.served_model, named.server_flags) == ("other", named.flags)
    assert EngineSpec(engine=engine, model="m").server_flags == {}


def test_episodes_are_those_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = EngineSpec(engine="transformers", model=trained.NAME)
    before = spec.identity
    assert str(ROOT) not in str(before)
    monkeypatch.setattr(trained, "sha256", lambda: "another")
    assert spec.identity != before
    assert EngineSpec(engine="transformers", model="m").identity.keys() == before.keys() - {"model_sha256"}


@pytest.mark.engine
@pytest.mark.usefixtures("ray_session")
def test_it_plays_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is written, but shorter."""
    import yaml

    asked = yaml.safe_load((ROOT / "examples" / "policy.yaml").read_text())
    for section in asked["scenarios"]:
        section |= {"parameters": {"warmup_steps": 0}, "max_episode_steps": 5}
    asked |= {"seeds": 1, "agents": [agent for agent in asked["agents"] if agent.startswith("engine:")]}
    # Its name is no folder of the working one.
    monkeypatch.chdir(ROOT)
    summary = run(asked, tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed) == (2, 0), summary.failures
    steps = Run(tmp_path / "run").steps()
    assert steps["valid"].to_pylist() == [True] * 10
