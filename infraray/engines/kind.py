"""The base of all kinds of engine, such as vLLM, with all that infraray knows about one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from infraray.engines.launch_space import LaunchSpace
from infraray.engines.log_reasons import find_reason


class EngineKind:
    """A kind of engine: how its servers are started, read, asked and searched. Subclasses say what differs.

    Args:
        name: the name under which it is registered.
    """

    command: ClassVar[tuple[str, ...]] = ()
    """The command line; ``{python}``, ``{model}``, ``{host}`` and ``{port}`` are filled in, and flags follow."""

    ready_path: ClassVar[str] = "/health"
    """The path that answers 200 once requests are served."""

    help_flag: ClassVar[str] = "--help"
    """The flag that makes the program print all its flags, in the format of argparse or clap."""

    false_flag: ClassVar[str] = ""
    """The form of a flag that is False: ``"--no-{flag}"``, or nothing."""

    name_flag: ClassVar[str] = ""
    """The flag that gives the model another name in requests, without dashes."""

    context_flags: ClassVar[tuple[str, ...]] = ()
    """Flags for the length of the longest sequence in tokens, without dashes."""

    uses_gpus: ClassVar[bool] = True
    """Whether it computes on GPUs where there are any."""

    gpu_flags: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Flags whose product is the number of GPUs of a server, without dashes, each with its other names."""

    symptoms: ClassVar[tuple[str, ...]] = ()
    """Patterns of errors that only report an earlier one."""

    modules: ClassVar[tuple[str, ...]] = ()
    """Modules that an interpreter must be able to import; distributions have other names on some devices."""

    packages: ClassVar[tuple[str, ...]] = ()
    """The distributions whose versions identify it."""

    install: ClassVar[str] = ""
    """A command that installs it."""

    preload: ClassVar[tuple[str, ...]] = ()
    """Modules that its processes import, for launches from a process that has them; those that a version lacks
    are left out. Empty if it is always started plainly."""

    read_late: ClassVar[tuple[str, ...]] = ()
    """Prefixes of environment variables that are read when needed, not when the engine is imported."""

    caches: ClassVar[tuple[str, ...]] = ()
    """Variables that name the folders in which it caches, from one start to the next, what it compiled or measured."""

    ignores_eos: ClassVar[bool] = True
    """Whether it can be asked to continue after the model ends its answer (``ignore_eos``)."""

    launch_spaces: ClassVar[tuple[LaunchSpace, ...]] = ()
    """The flags that a search may set."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def own_flags(self) -> frozenset[str]:
        """The flags that say what is served where, which the user may not set."""
        return frozenset(
            flag.lstrip("-")
            for flag, value in zip(self.command, self.command[1:], strict=False)
            if flag.startswith("--") and value in ("{model}", "{host}", "{port}")
        )

    def check_flags(self, flags: Mapping[str, Any]) -> None:
        """Refuses flags of `own_flags`.

        Raises:
            ValueError: one line.
        """
        for flag, value in flags.items():
            if plain_flag(flag) in self.own_flags:
                raise ValueError(f"{flag}={value!r}: is set by infraray; leave it out")

    def parts(self) -> tuple[str, ...]:
        """Names of modules that decide its answers but that its own does not import, such as a server's program."""
        return ()

    def command_line(self, template: Sequence[str], places: Mapping[str, str], flags: Mapping[str, Any]) -> list[str]:
        """Fills a template in and appends the flags."""
        return [fill(word, places) for word in template] + self.flag_words(flags)

    def flag_words(self, flags: Mapping[str, Any]) -> list[str]:
        """``max_model_len: 4096`` becomes ``--max-model-len 4096``, true ``--flag``, a mapping JSON."""
        words = []
        for name, value in flags.items():
            flag = plain_flag(name)
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

    def context_tokens(self, flags: Mapping[str, Any]) -> int | None:
        """The longest sequence according to its flags, in tokens; None if they do not say."""
        for name, value in flags.items():
            if plain_flag(name) in self.context_flags and (tokens := self.read_tokens(value)) is not None:
                return tokens
        return None

    def read_tokens(self, value: Any) -> int | None:
        """The number of tokens in a flag; None if it states none, such as ``auto``."""
        text = str(value).strip()
        return int(text) or None if text.isdecimal() else None

    def reason(self, log: str) -> str | None:
        """Its own reason in its output: one line, or None if there is none."""
        return find_reason(log, self.symptoms)


def plain_flag(name: str) -> str:
    """A flag as help texts list it: ``--max_model_len`` is ``max-model-len``."""
    return name.lstrip("-").replace("_", "-")


def fill(word: str, places: Mapping[str, str]) -> str:
    """Replaces ``{name}`` by its value; other braces stay, so that JSON may stand in a command."""
    for name, value in places.items():
        word = word.replace(f"{{{name}}}", value)
    return word
