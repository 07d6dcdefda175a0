"""The workspace of inference: a model, the engines, a measurement, and a launcher to be left behind."""

from __future__ import annotations

import os
import shlex
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from infraray.agents import Briefing
from infraray.engines import EngineKind
from infraray.errors import InfrarayError, InvalidAction, Unavailable, did_you_mean
from infraray.isolation.packages import interpreter, is_open
from infraray.observation import Observation
from infraray.scenarios.inference.launched import TECHNIQUES, launched
from infraray.scenarios.inference.left_behind import (
    LAUNCHER,
    PORT,
    LeftBehind,
    forget,
    leave,
    say_call,
)
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.proposals import EVALUATE, SUBMIT, complete
from infraray.scenarios.inference.setting import ENGINE, REFERENCE
from infraray.scenarios.inference.words import OBJECTIVES, describe_workload
from infraray.workspaces.door import WORKSPACE, Door, Opened
from infraray.workspaces.technique import Technique

PACKAGE = Path(__file__).parents[2]
"""The folder of infraray itself, in which its servers are."""

QUICK = "--quick"

MOST_PROCESSES = 100
"""Of which an evaluation records the command lines."""

RULES = f"""Rules. The model must be the one given, in its own weights; it may be quantized, but not replaced, \
fine-tuned or pruned, and it must generate every token that the server sends. Nothing may be prepared for the requests \
of the measurement, and no part of an answer may be sent before it is computed. The server must stream, and go on \
after the model's end of text when a request says ignore_eos. Nothing outside of this sandbox may take part. A judge \
reads {LAUNCHER}, its log and the record of your work; what breaks a rule counts as the reference does.

At the end. When your time is over, all of your processes are ended, and `{LAUNCHER}` is run once more, in this folder \
but in a fresh sandbox with an empty HOME and /tmp. The server that it starts is measured with other requests, asked \
questions and examined. Only what it takes from this folder and the system will be there."""


class InferenceDoor(Door):
    """``evaluate`` measures the server that the agent runs; at the end its launcher is run again and scored."""

    tools: ClassVar[Mapping[str, str]] = {
        "evaluate": f"`evaluate` measures the server at port {PORT} with the whole load and prints the figures; "
        f"`evaluate {QUICK}` uses as few requests as the load allows, which is faster and less exact"
    }
    settings: ClassVar[tuple[str, ...]] = ("engine", "warm_start")
    techniques: ClassVar[Mapping[str, Technique]] = TECHNIQUES
    server_port: ClassVar[int | None] = PORT

    def __init__(self, briefing: Briefing, options: Mapping[str, str]) -> None:
        super().__init__(briefing, options)
        parameters = briefing.parameters
        assert isinstance(parameters, InferenceParameters)
        self.parameters = parameters
        self.setting = parameters.setting()
        for option in self.settings:
            name = options.get(option)
            if name is not None and name not in parameters.engines:
                hint = did_you_mean(name, parameters.engines)
                raise InfrarayError(f"{option}={name!r}: is not one of the scenario's engines; {hint}")
        for file in sorted(Path(self.setting.model).glob("*")):
            if not is_open(file):
                raise Unavailable(
                    f"model={self.setting.model!r}: {file.name} cannot be read by the sandbox's user, nobody; "
                    f"chmod -R o+rX {self.setting.model}, and let others into the folders above it"
                )
        for python in sorted({self._python(name) for name in self._engines()}):
            if Path(python).exists() and not is_open(Path(python)):
                raise Unavailable(
                    f"python={python!r}: leads to {os.path.realpath(python)}, which the sandbox's user, nobody, may "
                    "not run; make the environment with a Python that is open to others, such as the system's"
                )
        self._name = ""
        self._processes: Callable[[], list[str]] = list

    @classmethod
    def tried(cls, extra: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The engine and its settings that are not defaults, or the flags of what the launcher runs."""
        return launched(extra, parameters)

    def time_s(self) -> float:
        """The scenario's budget."""
        return self.parameters.budget_s

    def opened(self, workspace: Opened) -> None:
        """Registers the folder, for the bench to find."""
        self._processes = workspace.processes
        engine = self.options.get("engine")
        left = LeftBehind(
            workspace.folder,
            str(WORKSPACE),
            self.readable(),
            self.devices(),
            {"PATH": "/usr/local/bin:/usr/bin:/bin", **self.variables(), **workspace.variables},
            workspace.memory_bytes,
            workspace.disk_bytes,
            workspace.url,
            "" if engine is None else _program(self.setting.spaces[engine][0]),
        )
        self._name = leave(left, self._name)

    def closed(self) -> None:
        """Forgets it."""
        forget(self._name)

    def mission(self, observation: Observation) -> str:
        """The model, the engines, the load, the aim and the rules."""
        setting, parameters = self.setting, self.parameters
        served = setting.reference_spec().served_model
        parts = [
            "You are to serve a language model as fast as this machine can.",
            f"The model lies in {Path(setting.model).resolve()} (read-only), in Hugging Face's format. Write a script "
            f"`{LAUNCHER}` in {WORKSPACE} that starts a server for it at http://127.0.0.1:{PORT}, with the endpoints "
            "of OpenAI's API: GET /v1/models, POST /v1/completions and POST /v1/chat/completions, streaming included "
            "(stream, stream_options.include_usage, max_tokens, ignore_eos, logprobs). Requests name the model "
            f"{served}.",
            f"The load: {describe_workload(setting.workload)}. What counts is the speedup over a plain PyTorch server "
            f"in {OBJECTIVES[setting.workload.objective]}. It counts only if the server answers questions as well as "
            "that one does.",
            "You may use any engine that runs here, and write one. These are installed:\n"
            + "\n".join(f"- {name}: {shlex.join(self._command(name))}" for name in self._engines()),
            f"Run `bash {LAUNCHER} > server.log 2>&1 &` to try your server, wait until it answers, and measure it with "
            "`evaluate`. The prompts differ from one evaluation to the next.",
        ]
        if (engine := self.options.get("engine")) is not None:
            parts.append(f"The server must be {engine}. Any other server counts as the reference.")
        if (warm := self.options.get("warm_start")) is not None:
            parts.append(
                f"There is a `{LAUNCHER}` already, which starts {warm} with its defaults. It works, but nobody has "
                "tuned it: make it faster."
            )
        lasting = (
            f"At most {parameters.ready_timeout_s:g} s may pass from the start of `{LAUNCHER}` to the first answer."
        )
        return "\n\n".join([*parts, lasting, RULES])

    def files(self) -> Mapping[str, str]:
        """A working launcher, in a warm start."""
        warm = self.options.get("warm_start")
        return {} if warm is None else {LAUNCHER: f"#!/bin/sh\nexec {shlex.join(self._command(warm))}\n"}

    def readable(self) -> Mapping[str, Path]:
        """The model, our package with its servers, and the environments of the engines."""
        places = [Path(self.setting.model).resolve(), PACKAGE, *_packages()]
        for name in (*self.setting.engines, REFERENCE):
            python = self._python(name)
            if python != str(interpreter()):
                own = {Path(python).parents[1], Path(os.path.realpath(python)).parents[1]}
                places += sorted(place for place in own if not place.is_relative_to("/usr"))
        return {str(place): place for place in places}

    def devices(self) -> Sequence[Path]:
        """Those of NVIDIA's driver."""
        return sorted(path for path in Path("/dev").glob("nvidia*") if path.is_char_device())

    def variables(self) -> Mapping[str, str]:
        """What lets Python find the engines, and the engines' own variables."""
        path = ":".join([str(PACKAGE.parent), *map(str, _packages())])
        own = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
        return {**own, **self.parameters.env}

    def action(self, tool: str, arguments: Sequence[str]) -> str:
        """A measurement."""
        if any(argument != QUICK for argument in arguments):
            raise InvalidAction(f"{' '.join(arguments)}: there is only {QUICK}")
        return say_call(self._name, EVALUATE, bool(arguments), self._processes()[:MOST_PROCESSES])

    def reply(self, observation: Observation) -> str:
        """The history of measurements."""
        return str(observation["text_observation"])

    def last_action(self) -> str:
        """Whatever is in the folder."""
        return say_call(self._name, SUBMIT)

    def _engines(self) -> list[str]:
        return list(dict.fromkeys([*self.setting.engines, REFERENCE]))

    def _python(self, name: str) -> str:
        """The interpreter of an engine: ours, as the sandbox's user may run it, or that of another environment."""
        given = self.parameters.python.get(name) or self.parameters.python.get("all")
        return str(interpreter()) if given in (None, sys.executable) else str(given)

    def _command(self, name: str) -> list[str]:
        """The command line that starts an engine with its defaults."""
        setting = self.setting
        if name in setting.spaces:
            chosen = complete({ENGINE: name} if len(setting.engines) > 1 else {}, setting.space)
            spec = setting.engine_spec(chosen)
        else:
            spec = setting.reference_spec()
        places = {"python": self._python(name), "model": spec.model, "host": "127.0.0.1", "port": str(PORT)}
        return spec.kind.command_line(spec.command or spec.kind.command, places, spec.flags)


def _packages() -> list[Path]:
    """The folders of packages of this Python."""
    return [Path(place) for place in dict.fromkeys(sysconfig.get_paths()[name] for name in ("purelib", "platlib"))]


def _program(kind: EngineKind) -> str:
    """What tells an engine's processes from others: its module, or its program."""
    words = kind.command
    return words[words.index("-m") + 1] if "-m" in words else next(word for word in words if word.endswith(".py"))
