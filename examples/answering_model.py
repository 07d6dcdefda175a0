"""Trains a small model that really answers a small set of questions, on the CPU in about a minute.

    python examples/answering_model.py FOLDER

FOLDER/model is a Qwen2 of less than a megabyte with a chat template, which vLLM, SGLang and transformers can serve;
FOLDER/questions is a made-up world in MMLU-Pro's format. The model knows each question's answer by heart, so a
smaller, broken or different model loses accuracy. It has also learned a little to find codes in texts, so its answers
depend on what it reads. The same seed gives the same questions and, on one machine, the same weights.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from infraray.load.documents import write_document
from infraray.policy.tokenizer import CHAT_TEMPLATE
from infraray.scenarios.inference.integrity.probes import CODE_QUESTION, CODED
from infraray.scenarios.inference.quality.mmlu_pro import read_question
from infraray.scenarios.inference.quality.prompt import messages
from infraray.scenarios.inference.quality.question import LETTERS

RELATIONS = {
    "geography": "capital",
    "history": "founder",
    "biology": "colour",
    "physics": "weight",
}
"""The one kind of fact of each category."""
SUBJECTS = 40
"""Number of subjects per category, each with its own value."""
CODED_TEXTS = 4000
BATCH = 24
PEAK_LR = 4e-3


def make_rows(seed: int) -> list[dict[str, Any]]:
    """The world's facts, each asked once, as rows of MMLU-Pro."""
    dice = random.Random(seed)
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words: dict[str, None] = {}
    while len(words) < 2 * SUBJECTS * len(RELATIONS):
        words["".join(dice.choices(syllables, k=3)).capitalize()] = None
    rows = []
    for number, (category, relation) in enumerate(RELATIONS.items()):
        mine = list(words)[2 * SUBJECTS * number : 2 * SUBJECTS * (number + 1)]
        values = mine[SUBJECTS:]
        for subject, value in zip(mine, values, strict=False):
            options = dice.sample([other for other in values if other != value], 9)
            index = dice.randrange(10)
            options.insert(index, value)
            rows.append(
                {
                    "question_id": len(rows),
                    "question": f"What is the {relation} of {subject}?",
                    "options": options,
                    "answer": LETTERS[index],
                    "answer_index": index,
                    "cot_content": f"A: The {relation} of {subject} is {value}. The answer is ({LETTERS[index]}).",
                    "category": category,
                    "src": "examples/answering_model.py",
                }
            )
    return rows


def conversation(row: dict[str, Any]) -> tuple[str, str]:
    """The question, in the chat template, and the expected answer."""
    asked = messages(read_question(row))[0]["content"]
    prompt = f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"
    return prompt, f"{row['cot_content'].removeprefix('A: ')}<|im_end|>"


def coded_conversation(dice: random.Random) -> tuple[str, str]:
    """A text with a code at its beginning, and the code as the answer, like the integrity gate's canaries."""
    code = f"{dice.getrandbits(40):010x}"
    words = write_document((dice.getrandbits(32),), 60).split(" ")
    before, after = (" ".join(words[: dice.randint(0, 10)]) for _ in range(2))
    asked = f"{before}\n\n{CODED.format(code=code, text=after)}\n\n{CODE_QUESTION}"
    return f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n", f"{code}<|im_end|>"


def make_tokenizer(conversations: list[tuple[str, str]]) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that can encode any text, with one token for each of the world's words."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
    )
    bpe.train_from_iterator(map("".join, conversations), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def train(model: Any, tokenizer: Any, lessons: list[list[tuple[str, str]]], steps: int) -> None:
    """Trains the model to continue prompts with their answers; each step takes `BATCH` conversations of each lesson."""
    encoded = [
        [tokenizer(list(said), add_special_tokens=False).input_ids for said in zip(*lesson, strict=True)]
        for lesson in lessons
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, betas=(0.9, 0.98), weight_decay=0.0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LR * min(1.0, (step + 1) / 50, 2 * (steps - step) / steps)
        losses = []
        for prompts, answers in encoded:
            chosen = torch.randint(len(prompts), (BATCH,)).tolist()
            losses.append(loss_of(model, [prompts[row] for row in chosen], [answers[row] for row in chosen]))
        optimizer.zero_grad()
        sum(losses).backward()  # type: ignore[union-attr]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99:
            print(
                f"step {step + 1} of {steps}: losses {', '.join(f'{loss.item():.3f}' for loss in losses)}", flush=True
            )


def loss_of(model: Any, prompts: list[list[int]], answers: list[list[int]]) -> torch.Tensor:
    """Mean cross-entropy of the answers' tokens."""
    longest = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
    tokens = torch.full((len(prompts), longest), model.config.pad_token_id)
    said = torch.zeros((len(prompts), longest), dtype=torch.bool)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        tokens[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        said[row, len(prompt) : len(prompt) + len(answer)] = True
    states = model.model(tokens).last_hidden_state[:, :-1][said[:, 1:]]
    return torch.nn.functional.cross_entropy(model.lm_head(states), tokens[:, 1:][said[:, 1:]])


def main() -> None:
    """Writes the questions and the model."""
    parser = argparse.ArgumentParser(description="Train a small model that answers a small set of questions.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hidden", type=int, default=64, help="width; a multiple of 32")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--questions-only", action="store_true", help="teach nothing else")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    # A second thread hardly helps so small a model, and waits for the first if cores are shared.
    torch.set_num_threads(1)
    rows = make_rows(arguments.seed)
    (arguments.folder / "questions").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), arguments.folder / "questions" / "test-00000-of-00001.parquet")
    conversations = [conversation(row) for row in rows]
    dice = random.Random(arguments.seed)
    coded = [coded_conversation(dice) for _ in range(CODED_TEXTS)]
    tokenizer = make_tokenizer([*conversations, *coded[:200]])
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=arguments.hidden,
            intermediate_size=2 * arguments.hidden,
            num_hidden_layers=arguments.layers,
            num_attention_heads=arguments.hidden // 32,
            num_key_value_heads=arguments.hidden // 32,
            max_position_embeddings=8192,
            tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
        )
    )
    train(model, tokenizer, [conversations] if arguments.questions_only else [conversations, coded], arguments.steps)
    model.save_pretrained(arguments.folder / "model")
    # It is written for its owner alone; an agent in a workspace is another user.
    (arguments.folder / "model" / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(arguments.folder / "model")
    print(f"wrote {arguments.folder}/model and {arguments.folder}/questions")


if __name__ == "__main__":
    main()
