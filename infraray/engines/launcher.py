"""How an engine is launched and read: flat data, one value an engine, each in its own file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PREFIX = re.compile(
    r"^(\x1b\[[\d;]*m|\([^()]* pid=\d+\)\s*|(ERROR|CRITICAL)\s+[\d\-]+ [\d:.,]+ \[[^\]]*\]\s*"
    r"|\[[^\]]*\d\d:\d\d[^\]]*\]\s*|\s+)+"
)
"""What logs write before the message: colours, process names, levels, times, places."""

_ERROR = re.compile(
    r"^((?P<path>[a-z_][\w.]*\.)?(?P<kind>[A-Z]\w*(Error|Exception|NotFound|Interrupt))\b:?\s*(?P<text>.*)"
    r"|(.*: )?error: (?P<plain>.+)|(?P<signal>Killed|Segmentation fault.*|.*[Oo]ut of memory.*))$"
)
_EXHAUSTED = re.compile(r"out of memory|OutOfMemory|MemoryError|No available memory|Cannot allocate memory", re.I)


@dataclass(frozen=True)
class Launcher:
    """How one kind of engine is started, when it is ready and what its log says.

    Args:
        name: the engine's name in an `EngineSpec`.
        command: the command line; ``{python}``, ``{model}``, ``{host}`` and ``{port}`` are filled in.
            Empty where only the user can give it.
        ready_path: answers 200 once requests are served.
        false_flag: what a flag that is False becomes: ``"--no-{flag}"``, or nothing.
        symptoms: patterns of errors that only report another one that stands before them.
        preload: modules that its processes import, for launches from a process that has them; those that
            a version does not have are left out. Empty where the engine is always started plainly.
        caches: environment variables that name the folders in which it keeps from one start to the next
            what it compiled or measured.
    """

    name: str
    command: tuple[str, ...]
    ready_path: str = "/health"
    false_flag: str = ""
    symptoms: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()

    def command_line(self, template: Sequence[str], places: Mapping[str, str], flags: Mapping[str, Any]) -> list[str]:
        """Fills a template in and appends the flags."""
        return [fill(word, places) for word in template] + self.flag_words(flags)

    def flag_words(self, flags: Mapping[str, Any]) -> list[str]:
        """``max_model_len: 4096`` becomes ``--max-model-len 4096``, true ``--flag``, a mapping JSON."""
        words = []
        for name, value in flags.items():
            flag = name.lstrip("-").replace("_", "-")
            if value is None:
                continue
            if value is False:
                words += [self.false_flag.format(flag=flag)] if self.false_flag else []
                continue
            words.append(f"--{flag}")
            if isinstance(value, Mapping):
                words.append(json.dumps(value))
            elif isinstance(value, list | tuple):
                words += [str(item) for item in value]
            elif value is not True:
                words.append(str(value))
        return words

    def reason(self, log: str) -> str | None:
        """The engine's own reason in what it printed: one line, or None where there is none.

        Memory that ran out comes before anything else; otherwise the last error counts that is
        not a mere symptom.
        """
        errors = list(_errors(log.splitlines()))
        causes = [error for error in errors if not any(re.search(symptom, error) for symptom in self.symptoms)]
        exhausted = [error for error in causes if _EXHAUSTED.search(error)]
        for found in (exhausted, causes, errors):
            if found:
                return found[-1]
        return None


def fill(word: str, places: Mapping[str, str]) -> str:
    """Replaces ``{name}`` by its value; other braces stay, so that JSON may stand in a command."""
    for name, value in places.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _errors(lines: list[str]) -> Iterable[str]:
    """The errors of a log, each as one line with the lines that belong to it."""
    for index, line in enumerate(lines):
        match = _ERROR.match(_PREFIX.sub("", line))
        if match is None:
            continue
        text = match["text"] if match["kind"] else match["plain"] or match["signal"]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if match["kind"] and (not text or re.search(r"\d validation errors? for \w+$", text)):
            # Errors of pydantic say what is wrong on the lines below.
            text = _PREFIX.sub("", following).removeprefix("Value error, ")
        text = re.sub(r"\s*\[type=\w+, input_value=.*$", "", " ".join(text.split()))
        if match["kind"]:
            text = f"{match['kind']}: {text}" if text else match["kind"]
        yield text[:500]
