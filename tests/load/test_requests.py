"""Prompts of exact lengths, documents, LongBench v2, and what is kept on disk."""

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoTokenizer

from infraray.errors import InfrarayError
from infraray.load.documents import write_document
from infraray.load.longbench import FIELDS, load_longbench
from infraray.load.presets import PRESETS
from infraray.load.requests import RequestSet, fit_to_length, make_requests, stored_requests
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Workload
from tests.load.tokenizers_on_the_spot import (
    make_byte_level_bpe,
    make_metaspace_bpe,
    make_word_piece,
    make_words,
)

MAKERS = {
    "byte-level BPE": make_byte_level_bpe,
    "metaspace BPE": make_metaspace_bpe,
    "WordPiece": make_word_piece,
    "words": make_words,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp("tokenizer")) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def tokenizer(folders: dict[str, Path]) -> ModelTokenizer:
    return ModelTokenizer(folders["byte-level BPE"])


def workload(**changes: Any) -> Workload:
    return Workload.parse("inference", {**PRESETS["C-cpu"], **changes})


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
@pytest.mark.parametrize("kind", MAKERS)
def test_prompts_have_exactly_the_drawn_tokens(folders: dict[str, Path], kind: str, endpoint: str) -> None:
    made = make_requests(
        workload(endpoint=endpoint, input_tokens=400, num_requests=30), 21, ModelTokenizer(folders[kind])
    )
    # Counted in another way: transformers' own rendering and encoding of the conversation.
    theirs: Any = AutoTokenizer.from_pretrained(str(folders[kind]))
    for request in made.requests:
        if endpoint == "chat":
            messages = [{"role": "user", "content": request.prompt}]
            ids = theirs.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
        else:
            ids = theirs(request.prompt)["input_ids"]
        assert len(ids) == request.prompt_tokens
        assert 320 <= request.prompt_tokens <= 400
    assert len({request.prompt_tokens for request in made.requests}) > 10


def test_awkward_texts_are_cut_exactly_or_not_at_all(folders: dict[str, Path]) -> None:
    texts = [
        "🙂🙃🙂 " * 60,
        "漢字かな交じり文、" * 60,
        "a" * 500,
        " \n\t " * 200,
        "é́́́" * 100,
        "x = [1, 2];\r\n\r\n" * 50,
        "naïve café — “quoted” … " * 40,
    ]
    for kind, folder in folders.items():
        count = partial(ModelTokenizer(folder).count_prompt, endpoint="chat")
        fitted = 0
        for text in texts:
            for tokens in range(40, 60):
                cut = fit_to_length(text, tokens, count)
                if cut is not None:
                    fitted += 1
                    assert text.startswith(cut) and count(cut) == tokens
        assert fitted >= 40, kind


def test_equal_seeds_give_equal_requests_and_the_pairs_differ(tokenizer: ModelTokenizer) -> None:
    dev, again, held_out = (make_requests(workload(), seed, tokenizer) for seed in (21, 21, 1337))
    assert dev == again and dev.sha256 == again.sha256
    assert dev.sha256 != held_out.sha256
    assert not {request.prompt for request in dev.requests} & {request.prompt for request in held_out.requests}


def test_outputs_are_drawn_between_the_ratio_and_the_longest(tokenizer: ModelTokenizer) -> None:
    made = make_requests(workload(num_requests=200, output_tokens=100), 5, tokenizer)
    drawn = Counter(request.output_tokens for request in made.requests)
    assert min(drawn) == 80 and max(drawn) == 100 and len(drawn) > 15


def test_the_warm_up_sends_prompts_of_its_own(tokenizer: ModelTokenizer) -> None:
    made = make_requests(workload(warmup_requests=4), 5, tokenizer)
    assert len(made.warmup) == 4 and len(made.requests) == 16
    assert not {request.prompt for request in made.warmup} & {request.prompt for request in made.requests}


def test_a_prompt_below_the_chat_template_is_refused(tokenizer: ModelTokenizer) -> None:
    with pytest.raises(InfrarayError, match=r"input_tokens=10: the chat template and special tokens alone are \d+"):
        make_requests(workload(input_tokens=10), 5, tokenizer)


def test_requests_are_made_once_and_kept(tokenizer: ModelTokenizer, tmp_path: Path) -> None:
    first = stored_requests(tmp_path, workload(), 21, tokenizer)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    assert stored_requests(tmp_path, workload(), 21, tokenizer) == first
    assert file.stat().st_mtime_ns == written
    assert json.loads(file.read_text().split("\n")[0])["sha256"] == first.sha256
    # What does not change the requests does not make them anew.
    stored_requests(tmp_path, workload(temperature=0.5, request_timeout_s=3.0), 21, tokenizer)
    assert len(list(tmp_path.iterdir())) == 1
    stored_requests(tmp_path, workload(), 1337, tokenizer)
    stored_requests(tmp_path, workload(endpoint="completions"), 21, tokenizer)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_changed_file_is_refused(tokenizer: ModelTokenizer, tmp_path: Path) -> None:
    stored_requests(tmp_path, workload(), 21, tokenizer)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace('"output_tokens": 6', '"output_tokens": 7', 1))
    with pytest.raises(InfrarayError, match="the content does not match its hash"):
        stored_requests(tmp_path, workload(), 21, tokenizer)
    file.write_text("{}")
    with pytest.raises(InfrarayError, match="cannot be read"):
        stored_requests(tmp_path, workload(), 21, tokenizer)


def test_the_hash_is_of_the_content_alone(tokenizer: ModelTokenizer) -> None:
    made = make_requests(workload(), 21, tokenizer)
    assert RequestSet(made.requests, made.warmup, made.endpoint).sha256 == made.sha256
    assert RequestSet(made.requests[::-1], made.warmup, made.endpoint).sha256 != made.sha256


def test_a_model_without_a_chat_template_takes_plain_prompts(tmp_path: Path) -> None:
    folder = make_words(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(InfrarayError, match="no chat template; set endpoint: completions"):
        make_requests(workload(), 21, ModelTokenizer(folder))
    assert make_requests(workload(endpoint="completions"), 21, ModelTokenizer(folder)).requests


def test_a_folder_without_a_tokenizer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InfrarayError, match="holds no tokenizer; name a model's folder"):
        ModelTokenizer(tmp_path)


def test_documents_are_equal_for_equal_seeds_and_begin_differently() -> None:
    assert write_document((3, 4), 500) == write_document((3, 4), 500)
    # A longer one goes on where the shorter one ends, so that a length does not change the beginning.
    assert write_document((3, 4), 900).startswith(write_document((3, 4), 500))
    beginnings = {write_document((21, number), 50)[:24] for number in range(300)}
    assert len(beginnings) > 295


def test_documents_have_the_frequencies_and_lengths_of_text(folders: dict[str, Path]) -> None:
    text = write_document((1337, 0), 8000)
    words = [word.strip('.,;:"?|-').lower() for word in text.split()]
    ranked = [count for _, count in Counter(words).most_common()]
    # Zipf: a few words are most of the text, and many stand there once.
    assert 0.2 < sum(ranked[:10]) / len(words) < 0.5
    assert 200 < len(ranked) < 3000
    fresh = [write_document((99, number), 2000) for number in range(5)]
    counter = ModelTokenizer(folders["byte-level BPE"])
    per_word = sum(map(counter.count_text, fresh)) / sum(len(text.split()) for text in fresh)
    assert 1.1 < per_word < 2.2


def sample(number: int, **changes: str) -> dict[str, str]:
    content = {field: f"{field} {number}" for field in FIELDS}
    return {**content, "_id": f"id{number:03}", "context": write_document((8, number), 900), **changes}


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet", "folder"])
def test_longbench_is_read_in_each_of_its_forms(form: str, tmp_path: Path) -> None:
    # Out of order, and with a context that two questions share.
    samples = [sample(number) for number in (2, 0, 1)] + [sample(3, context=sample(1)["context"])]
    path = tmp_path / "data"
    if form == "json":
        path.write_text(json.dumps(samples))
    elif form == "jsonl":
        path = path.with_suffix(".jsonl")
        path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in samples))
    elif form == "parquet":
        path = path.with_suffix(".parquet")
        pq.write_table(pa.Table.from_pylist(samples), path)
    else:
        path.mkdir()
        (path / "data.json").write_text(json.dumps(samples))
    documents = load_longbench(path)
    assert list(documents) == ["id000", "id001", "id002"]
    text = documents["id001"]
    assert text.startswith(sample(1)["context"])
    assert text.endswith("question 1\n\n(A) choice_A 1\n(B) choice_B 1\n(C) choice_C 1\n(D) choice_D 1")


def test_requests_are_drawn_from_longbench_without_repetition(tokenizer: ModelTokenizer, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    samples = [sample(number) for number in range(25)]
    path.write_text(json.dumps(samples))
    made = make_requests(workload(), 21, tokenizer, path)
    assert len({request.document for request in (*made.requests, *made.warmup)}) == 18
    assert all(tokenizer.count_prompt(one.prompt, "chat") == one.prompt_tokens for one in made.requests)
    path.write_text(json.dumps(samples[::-1]))
    assert make_requests(workload(), 21, tokenizer, path) == made
    assert make_requests(workload(), 1337, tokenizer, path) != made


def test_too_few_or_too_short_documents_are_one_line(tokenizer: ModelTokenizer, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([sample(number) for number in range(5)] + [sample(9, context="short")]))
    with pytest.raises(InfrarayError, match=r"num_requests=16: LongBench v2 in .* give 5 prompts .* but 18 are needed"):
        make_requests(workload(input_tokens=400), 21, tokenizer, path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[{", "cannot be read"),
        ('{"a": 1}', "does not hold a list of samples"),
        ("[17]", "sample 1 is not an object"),
        (json.dumps([{**sample(1), "context": None}]), "sample 1: context is missing or not a string"),
        (json.dumps([{"_id": "1"}]), "sample 1: domain is missing or not a string"),
    ],
)
def test_a_broken_longbench_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(InfrarayError, match=said) as refused:
        load_longbench(path)
    assert "\n" not in str(refused.value)


def test_a_missing_longbench_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InfrarayError, match="no such file, or a folder without"):
        load_longbench(tmp_path / "nowhere")
