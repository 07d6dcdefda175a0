"""Separates what a model said from what it thought first, however its family marks thoughts.

Marks are tags (``<think>``, ``<seed:think>``, ``[THINK]``, Kimi's triangles), the special tokens of
Command A, MedGemma and Gemma 4, and gpt-oss's channels (harmony), even if a server has left only the
words of those tokens. An opening mark that is never closed makes the rest a thought; a closing one
that was never opened, because the template opens it, makes everything before it a thought.
"""

from __future__ import annotations

import re

_WORD = (
    r"(?:[a-z]{1,12}[:_])?(?:ant)?(?:think|thinking|thought|thoughts|reasoning|reason|reflect|reflection|analysis|"
    r"scratch_?pad|(?:inner|internal)[_-](?:monologue|thoughts?)|monologue|chain[_-]of[_-]thought|cot)"
)
_MARK = re.compile(
    rf"(?P<open><{_WORD}(?:\s[^<>]{{0,80}})?>|\[(?:THINK|THINKING|THOUGHT|REASONING)\]|◁think▷|"
    r"<\|(?:START_THINKING|begin_of_thought|think|thinking)\|>|<unused94>(?:thought\b)?|<\|channel>thought\b)|"
    rf"(?P<close><\s?\\?/\s?{_WORD}\s{{0,8}}>|\[/(?:THINK|THINKING|THOUGHT|REASONING)\]|◁/think▷|"
    r"<\|(?:END_THINKING|end_of_thought|/think|/thinking)\|>|<unused95>|<channel\|>)",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"<\|channel\|>\s{0,8}(\w{1,20})[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>")
_BARE_CHANNELS = re.compile(
    r"\A\s{0,8}(?:assistant\s{0,8})?(?:analysis|commentary)(.*)assistant\s{0,8}final(.*)\Z", re.DOTALL
)
_END_OF_MESSAGE = re.compile(r"<\|(?:end|return|call|start)\|>")
_SPECIAL_TOKEN = re.compile(
    r"<\|start_header_id\|>\w{0,20}<\|end_header_id\|>|<start_of_turn>(?:model\b)?|<\|im_start\|>(?:assistant\b)?|"
    r"<\|[\w/ ]{1,40}\|>|</?s>|<end_of_turn>|\[/?INST\]"
)


def split_thoughts(text: str) -> tuple[str, str]:
    """What was said and what was thought, each without marks and surrounding blanks."""
    said, thoughts = text, []
    if "<|channel|>" in said:
        said, in_channels = _split_channels(said)
        thoughts += in_channels
    elif (bare := _BARE_CHANNELS.match(said)) is not None:
        thoughts.append(bare[1])
        said = bare[2]
    said, tagged = _split_tags(said)
    thoughts += tagged
    return _SPECIAL_TOKEN.sub(" ", said).strip(), "\n".join(thought.strip() for thought in thoughts if thought.strip())


def _split_tags(text: str) -> tuple[str, list[str]]:
    said: list[str] = []
    thoughts: list[str] = []
    depth = start = 0
    for mark in _MARK.finditer(text):
        part = text[start : mark.start()]
        start = mark.end()
        if mark["open"]:
            (thoughts if depth else said).append(part)
            depth += 1
        elif depth:
            thoughts.append(part)
            depth -= 1
        else:
            thoughts += [*said, part]
            said = []
    (thoughts if depth else said).append(text[start:])
    return "".join(said), thoughts


def _split_channels(text: str) -> tuple[str, list[str]]:
    """Only the channel ``final`` is said; in a text without one, what comes before the first channel."""
    marks = list(_CHANNEL.finditer(text))
    said: list[str] = []
    thoughts: list[str] = []
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        message = _END_OF_MESSAGE.split(text[mark.end() : end], maxsplit=1)[0]
        (said if mark[1].lower() == "final" else thoughts).append(message)
    before = text[: marks[0].start()] if marks else text
    return ("".join(said) if said else _SPECIAL_TOKEN.sub("", before).removesuffix("assistant")), thoughts
