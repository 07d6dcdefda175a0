"""The graph on the weights of transformers' format says what the model says there."""

# mypy: disable-error-code="import-not-found,no-untyped-call"
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infraray.load.tokenizer import find_tokenizer
from infraray.policy import trained
from tests.engines.in_process import load_program

CHATS = [
    [{"role": "system", "content": "You balance load over 3 servers."}, {"role": "user", "content": content}]
    for content in ("Queues: [4, 0, 2]. Which server?", "é ß 漢字 😀", "12.5 kB\n\n  don't")
]


@pytest.fixture(scope="module")
def program() -> Any:
    return load_program("onnx_server")


@pytest.fixture(scope="module")
def shipped(program: Any) -> Any:
    return program.Model(str(trained.FOLDER), 1)


def greedy(program: Any, model: Any, chat: list[dict[str, str]], tokens: int) -> list[int]:
    sampling = replace(program.openai_api.GREEDY, max_tokens=tokens, ignore_eos=False)
    return [token for token, _ in model.generate(model.encode_chat(chat), sampling)]


def test_the_shipped_graph_takes_its_weights_from_the_other_format(shipped: Any) -> None:
    files = {path.name: path.stat().st_size for path in trained.FOLDER.iterdir()}
    assert files["model.onnx"] < 100_000
    assert b"model.safetensors" in (trained.FOLDER / "model.onnx").read_bytes()
    assert shipped.context == json.loads((trained.FOLDER / "config.json").read_text())["max_position_embeddings"]


@pytest.mark.parametrize("chat", CHATS)
def test_both_formats_read_the_same_tokens(shipped: Any, chat: list[dict[str, str]]) -> None:
    tokenizer = find_tokenizer(trained.NAME)._tokenizer
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert shipped.encode_chat(chat) == tokenizer(text, add_special_tokens=False).input_ids


def reference(folder: Path, prompt: list[int], tokens: int) -> list[int]:
    import torch
    from transformers import Qwen2ForCausalLM

    model = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    told = model.generate(torch.tensor([prompt]), max_new_tokens=tokens, do_sample=False)
    answer: list[int] = told[0, len(prompt) :].tolist()
    return answer


@pytest.mark.engine
@pytest.mark.parametrize("chat", CHATS)
def test_the_shipped_graph_says_the_same(program: Any, shipped: Any, chat: list[dict[str, str]]) -> None:
    said = greedy(program, shipped, chat, 24)
    assert said == reference(trained.FOLDER, shipped.encode_chat(chat), 24)


@pytest.mark.engine
def test_a_graph_is_made_on_the_weights_of_a_model(program: Any, tmp_path: Path) -> None:
    import torch

    from infraray.policy.to_onnx import write
    from infraray.policy.tokenizer import make_tokenizer
    from infraray.policy.training import Size, make_model

    torch.manual_seed(0)
    tokenizer: Any = make_tokenizer(["server 1 of 3 has queues"], 300)
    made: Any = make_model(Size(300, 64, 2, 96, 1e-2, 512), tokenizer)
    made.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds F32; must hold BF16 alone"):
        write(tmp_path)
    made.to(torch.bfloat16).save_pretrained(tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    write(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    model = program.Model(str(tmp_path), 1)
    for chat in CHATS:
        assert greedy(program, model, chat, 12) == reference(tmp_path, model.encode_chat(chat), 12)
