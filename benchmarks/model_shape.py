"""A folder with a language model's shape but no weights: `python -m benchmarks.model_shape FOLDER`.

Mistral 7B's shape (Jiang et al., 2023: 32 layers of width 4096, 8 of 32 heads for keys and values) with a
tokenizer trained on this repository's texts. vLLM serves it with random weights (``--load-format dummy``):
speed depends on the shape alone. With ``--weights``, random ones are written, 14.5 GB, for servers that
must load some.
"""

from __future__ import annotations

import sys
from pathlib import Path

VOCABULARY = 32_768
CHAT_TEMPLATE = (
    "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def write_model_shape(folder: Path) -> Path:
    """Writes the configuration and the tokenizer."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import MistralConfig, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<unk>", "<s>", "</s>"],
        show_progress=False,
    )
    root = Path(__file__).parents[1]
    texts = [path.read_text() for pattern in ("*.md", "**/*.py") for path in sorted(root.glob(f"infraray/{pattern}"))]
    texts += [path.read_text() for path in sorted(root.glob("docs/**/*.md"))]
    bpe.train_from_iterator(texts, trainer)
    # Random weights generate any token of the vocabulary, so each must be some text.
    missing = range(bpe.get_vocab_size(), VOCABULARY)
    bpe.add_tokens([AddedToken(f" word{number}", normalized=False) for number in missing])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    config = MistralConfig(
        architectures=["MistralForCausalLM"],
        vocab_size=VOCABULARY,
        hidden_size=4096,
        intermediate_size=14_336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=128,
        max_position_embeddings=32_768,
        rope_theta=1_000_000.0,
        sliding_window=None,
        bos_token_id=1,
        eos_token_id=2,
        dtype="bfloat16",
    )
    config.save_pretrained(folder)
    return folder


def write_weights(folder: Path) -> None:
    """Writes random weights beside the configuration; makes them on the GPU if there is one."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    model.save_pretrained(folder)


if __name__ == "__main__":
    print(write_model_shape(Path(sys.argv[1])))
    if "--weights" in sys.argv[2:]:
        write_weights(Path(sys.argv[1]))
