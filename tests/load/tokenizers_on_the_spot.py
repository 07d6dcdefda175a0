"""Small tokenizers of different kinds, trained on the spot on our own documents, as a model's folder has them."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from infraray.load.documents import write_document
from infraray.policy.tokenizer import CHAT_TEMPLATE

PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[INST] {{ message['content'] | trim }} [/INST]{% endfor %}"
)
"""As Llama 2's: no special tokens around the text, which may so merge with it, and blanks are cut off."""


def _texts() -> list[str]:
    return [write_document((1, number), 2000) for number in range(20)]


def make_byte_level_bpe(folder: Path, vocabulary: int = 2000) -> Path:
    """As GPT-2's, Qwen's, Llama 3's."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    bpe.train_from_iterator(_texts(), trainer)
    return _save(bpe, folder, CHAT_TEMPLATE, eos_token="<|im_end|>", pad_token="<|endoftext|>")


def make_metaspace_bpe(folder: Path) -> Path:
    """As Llama 2's and Mistral's: a blank before the text, bytes for what is unknown, and a token at its beginning."""
    specials = ["<unk>", "<s>", "</s>"]
    bpe = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=1500, special_tokens=[*specials, *(f"<0x{byte:02X}>" for byte in range(256))], show_progress=False
    )
    # Sentences, since without a pre-tokenizer a text is one piece.
    bpe.train_from_iterator([line for text in _texts() for line in text.split(". ")], trainer)
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return _save(bpe, folder, PLAIN_TEMPLATE, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def make_word_piece(folder: Path) -> Path:
    """As BERT's: lower case, words, and special tokens on both sides."""
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.decoder = decoders.WordPiece()
    specials = ["[UNK]", "[CLS]", "[SEP]"]
    pieces.train_from_iterator(
        _texts(), trainers.WordPieceTrainer(vocab_size=1500, special_tokens=specials, show_progress=False)
    )
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return _save(pieces, folder, PLAIN_TEMPLATE, bos_token="[CLS]", eos_token="[SEP]", unk_token="[UNK]")


def make_words(folder: Path) -> Path:
    """A token a word, which makes counts easy to see."""
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "one": 1}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return _save(words, folder, "{% for message in messages %}{{ message['content'] }}{% endfor %}", unk_token="[UNK]")


def _save(tokenizer: Tokenizer, folder: Path, chat_template: str, **special: str) -> Path:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
    fast.chat_template = chat_template
    fast.save_pretrained(folder)
    return folder
