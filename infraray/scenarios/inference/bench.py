"""The test bench: launches an engine with a configuration, sends a workload's requests, and tells what came of it.

Trials are launched from a process that has imported the engine, with the engine's caches as the trial
before left them, which saves most of a start; `Bench.warm_up` makes both before the first. What decides a
score is started plainly: the reference server, and what is submitted, the latter with empty caches.

Search and agents use the same bench, on the same requests, so that their results can stand in one
table. Only one measurement at a time is made on the same devices, whoever makes it: two servers side
by side would measure each other. No running server is measured twice on the same prompts, since it may have kept
what it computed of them; only within a measurement is each traffic the same requests, as InferenceBench has it.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from infraray.engines.installed_flags import installed_flags
from infraray.engines.installed_versions import installed_versions
from infraray.engines.preloaded import PreloadedLauncher
from infraray.engines.process import EngineProcess
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError
from infraray.hardware.device_lock import DeviceLock
from infraray.hardware.machine import this_machine
from infraray.hardware.model_size import model_size
from infraray.hardware.roofline import Roofline
from infraray.load.measurement import Measurement, measure
from infraray.load.requests import RequestSet, stored_requests
from infraray.load.tokenizer import ModelTokenizer
from infraray.scenarios.inference.integrity.judge import check_judge
from infraray.scenarios.inference.integrity.probes import check_can_probe
from infraray.scenarios.inference.proposals import complete
from infraray.scenarios.inference.quality import Question, Quiz, read_mmlu_pro
from infraray.scenarios.inference.reference import Reference, load_reference
from infraray.scenarios.inference.scoring import speedup
from infraray.scenarios.inference.setting import ENGINE, Setting
from infraray.space.values import Configuration

Start = Literal["preloaded", "plain", "clean"]
"""How a server is started: from a process that has imported the engine, as anybody would, or that and with
empty folders of its own. Only a clean start never uses a server that runs."""

MOST_FAILED = 0.01
"""Of the requests of each traffic, how many may fail beside those at which the model says nothing, as the reference
shows: latencies are those of successes, and a server that refuses what would be slow looks fast."""

Watching = Callable[[EngineProcess], AbstractContextManager[object]]
"""Makes what stands around the load on a server, such as a watch on its connections."""


@dataclass(frozen=True)
class MeasuredLaunch:
    """One configuration measured.

    Args:
        configuration: what was launched.
        measurement: the figures; None where there are none.
        failure: the engine's own reason or the load's, in one line; None where there is none.
        start_s: seconds from launch to ready, once the server before is gone; 0 where a server that ran was used again.
        measure_s: seconds of load.
    """

    configuration: Configuration
    measurement: Measurement | None
    failure: str | None
    start_s: float
    measure_s: float

    @property
    def score(self) -> float:
        """By the workload's objective; NaN where the trial failed."""
        return math.nan if self.measurement is None or self.failure is not None else self.measurement.score


class Bench:
    """Owns at most one running server, and the processes that have imported engines, until `close`.

    Args:
        setting: what is the same for every configuration.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.lock = DeviceLock()
        self.process: EngineProcess | None = None
        self._sent: set[tuple[int, int]] = set()
        """Seed and number of the requests that the server that runs has seen."""
        self._closed = False
        self._closing = threading.Lock()
        self._preloaded = PreloadedLauncher()
        self._serves_preloaded: dict[str, bool] = {}
        """By engine, once one was started so: whether it serves, or only when started plainly."""
        self._warm = False
        self._requests: dict[tuple[int, int], RequestSet] = {}
        self._references: dict[int, Reference] = {}

    def quiz(self, seed: int) -> Quiz | None:
        """The quality gate's questions on a seed; None where the setting names none.

        Raises:
            InfrarayError: the copy of MMLU-Pro cannot be read or holds too few.
        """
        if self._questions is None:
            return None
        return Quiz.draw(self._questions, seed, self.setting.questions)

    @cached_property
    def _questions(self) -> tuple[Question, ...] | None:
        """The whole copy of MMLU-Pro; every seed draws from it."""
        return None if self.setting.mmlu_pro is None else read_mmlu_pro(self.setting.mmlu_pro)

    @cached_property
    def tokenizer(self) -> ModelTokenizer:
        """The model's own."""
        return ModelTokenizer(self.setting.model)

    def requests(self, seed: int, count: int | None = None) -> RequestSet:
        """The workload's requests on a seed, made once.

        Args:
            seed: one of a `SeedPair`.
            count: how many; all that the workload has without. Fewer have prompts of their own, so that a server
                that has seen them can be sent all afterwards.
        """
        setting = self.setting
        workload = setting.workload
        if count is not None and count < workload.num_requests:
            workload = workload.model_copy(update={"num_requests": count})
            seed += count << 64
        key = seed, workload.num_requests
        if key not in self._requests:
            folder = Path(setting.folder)
            self._requests[key] = stored_requests(folder, workload, seed, self.tokenizer, setting.longbench)
        return self._requests[key]

    def check(self, configuration: Configuration) -> None:
        """Refuses a configuration that the installed engine does not know.

        Raises:
            InfrarayError: one line for every flag.
        """
        spec = self.setting.engine_spec(configuration)
        flags = installed_flags(spec, Path(self.setting.folder))
        if flags is not None:
            flags.check(spec)

    def check_all(self, judged_by: str | None = None) -> list[str]:
        """Refuses early what would fail late: an engine that is not there, a judge that is none.

        Returns:
            Why no configuration can pass the gates, one line each.

        Raises:
            InfrarayError: one line for every mistake.
        """
        setting = self.setting
        setting.check_context()
        for engine in setting.engines:
            self.check(complete({ENGINE: engine} if len(setting.engines) > 1 else {}, setting.space))
        check_can_probe(setting.workload, self.tokenizer)
        if judged_by is not None:
            check_judge(judged_by)
        missing = []
        if setting.mmlu_pro is None:
            missing.append("mmlu_pro is not given: nothing can pass the quality gate, and all counts as the reference")
        if self.roofline() is None:
            missing.append(
                f"the limits of {this_machine()} or of the model are not known: nothing can pass the integrity gate, "
                "and all counts as the reference"
            )
        return missing

    def warm_up(self) -> None:
        """Starts each engine once with its defaults, so that no trial pays for what is cold only at first.

        These are the imports, once more with the variables that the engine sets for its processes, and what it
        compiles and keeps. A start that fails will fail again where it is measured, and say why there.
        """
        if self._warm:
            return
        setting = self.setting
        for engine in setting.engines:
            chosen = complete({ENGINE: engine} if len(setting.engines) > 1 else {}, setting.space)
            with self.lock.held():
                self.stop()
                with suppress(InfrarayError):
                    self._launch(setting.engine_spec(chosen), math.inf, "preloaded")
                self.stop()
                self._preloaded.wait()
        self._warm = True

    def evaluate(
        self,
        configuration: Configuration,
        seed: int,
        num_requests: int | None = None,
        time_limit_s: float = math.inf,
        clean: bool = False,
        watching: Watching | None = None,
    ) -> MeasuredLaunch:
        """Measures a configuration.

        A server that runs with the same launch is used again where it has not seen the requests, unless a
        clean start is asked for: then there is a new process group with scratch folders of its own, started
        plainly.

        Args:
            configuration: canonical.
            seed: of the requests and their arrival.
            num_requests: so many; all without. Never fewer than are in flight at a time.
            time_limit_s: for the start and the load; what is not done then failed.
            clean: whether to start anew.
            watching: stands around the load.
        """
        try:
            self.check(configuration)
        except InfrarayError as error:
            return MeasuredLaunch(configuration, None, "; ".join(str(error).splitlines()), 0.0, 0.0)
        spec = self.setting.engine_spec(configuration)
        start: Start = "clean" if clean else "preloaded"
        reference = self._known_reference(seed)
        responses = () if reference is None else reference.responses
        silent = sum(one.failure == "incomplete" for one in responses) / max(1, len(responses))
        return self._evaluate(spec, configuration, seed, num_requests, time_limit_s, start, silent, watching)

    def reference(self, seed: int) -> Reference:
        """What the reference server does on a seed's requests: measured once on this machine, and kept.

        Raises:
            InfrarayError: the reference server fails.
        """
        found = self._known_reference(seed)
        if found is not None:
            return found
        with self.lock.held():
            # Who had the devices until now may have measured it.
            found = self._known_reference(seed)
            if found is None:
                found = self._references[seed] = self._measure_reference(seed)
                found.save(self._reference_path(seed))
        return found

    def _known_reference(self, seed: int) -> Reference | None:
        """What was measured before, by whomever; read once."""
        if seed not in self._references and (found := load_reference(self._reference_path(seed))) is not None:
            self._references[seed] = found
        return self._references.get(seed)

    def start_reference(self) -> EngineProcess:
        """Starts the reference server to ask it, not to time it; `stop` ends it.

        Raises:
            InfrarayError: it does not start.
        """
        spec = self.setting.reference_spec()
        return self._running(spec, "preloaded", None) or self._launch(spec, math.inf, "preloaded")

    def speedup(self, score: float, seed: int) -> float:
        """How many times better than the reference's a score is: 1 for equal."""
        return speedup(self.setting.workload.objective, score, self.reference(seed).score)

    def roofline(self) -> Roofline | None:
        """The model's limits on this machine's device; None where the device's are not known."""
        try:
            return Roofline(model_size(self.setting.model), this_machine().device())
        except InfrarayError:
            return None

    def _reference_path(self, seed: int) -> Path:
        quiz = self.quiz(seed)
        reference = self.setting.reference_spec()
        identity = {
            **self.setting.identity(),
            "space": None,
            "seed": seed,
            "machine": this_machine().identity,
            # With how it computes: another server is another baseline.
            "reference": reference.identity,
            "versions": installed_versions(reference.python, reference.kind.packages),
            "requests": self.requests(seed).sha256,
            "quiz": quiz.sha256 if quiz is not None else None,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        return Path(self.setting.folder) / f"reference-{digest}.json"

    def _measure_reference(self, seed: int) -> Reference:
        spec = self.setting.reference_spec()
        trial = self._evaluate(spec, {}, seed, None, math.inf, "plain", None)
        if trial.measurement is None or self.process is None or not math.isfinite(trial.score):
            raise InfrarayError(f"inference: the reference server failed: {trial.failure}")
        quiz = self.quiz(seed)
        # It computes one answer at a time: those that wait would run out of time.
        answers = quiz.ask(self.process.url, spec.served_model, concurrency=1) if quiz is not None else None
        return Reference(trial.score, trial.measurement.traffics[0].responses, answers)

    def stop(self) -> None:
        """Ends the server, if one runs."""
        # `close` may want the same in another thread.
        with self._closing:
            process, self.process = self.process, None
        if process is not None:
            process.end()
            process.remove_log()
            self._sent.clear()

    def close(self) -> None:
        """Ends the server and all else that runs, also under a measurement in another thread. May be called twice."""
        with self._closing:
            self._closed = True
        try:
            self.stop()
        finally:
            self._preloaded.end()

    def _evaluate(
        self,
        spec: EngineSpec,
        configuration: Configuration,
        seed: int,
        num_requests: int | None,
        time_limit_s: float,
        start: Start,
        silent: float | None,
        watching: Watching | None = None,
    ) -> MeasuredLaunch:
        """Measures a launch.

        ``silent`` is the share of requests at which the model says nothing. None stands for the reference itself: one
        success is asked of it, and it has all the time that it takes, since it answers one at a time.
        """
        deadline = time.monotonic() + time_limit_s
        workload = self.setting.workload
        if silent is None:
            workload = workload.model_copy(update={"request_timeout_s": math.inf})
        count = workload.num_requests
        if num_requests is not None:
            count = min(count, max(num_requests, workload.peak_concurrency))
        requests = self.requests(seed, count)
        with self.lock.held():
            running = self._running(spec, start, (seed, count))
            began = time.monotonic()
            try:
                process = running or self._launch(spec, deadline, start)
            except InfrarayError as error:
                self.stop()
                return MeasuredLaunch(configuration, None, str(error), time.monotonic() - began, 0.0)
            self._sent.add((seed, count))
            ready = time.monotonic()
            with nullcontext() if watching is None else watching(process):
                measurement = measure(
                    process.url,
                    spec.served_model,
                    workload,
                    requests,
                    self.tokenizer,
                    seed,
                    time_limit_s=deadline - time.monotonic(),
                )
            measure_s = time.monotonic() - ready
            failure = None if process.alive() else f"the server died: {process.why_it_ended()}"
        excused = 1.0 if silent is None else silent
        least = max(1, math.ceil((1 - MOST_FAILED) * count) - math.ceil(excused * count))
        few = [one for one in measurement.traffics if one.metrics.completed < least]
        if failure is None and few:
            failure = next(warning for warning in few[0].warnings if "requests failed" in warning)
        elif failure is None and not 0 < measurement.score < math.inf:
            failure = f"no score for {workload.objective}: the answers came in one piece"
        if failure is not None:
            self.stop()
        return MeasuredLaunch(configuration, measurement, failure, ready - began, measure_s)

    def _running(self, spec: EngineSpec, start: Start, asked: tuple[int, int] | None) -> EngineProcess | None:
        """The server that runs, where it can be used for what it is asked; otherwise it is ended."""
        fits = start != "clean" and asked not in self._sent
        if self.process is not None and fits and self.process.spec == spec and self.process.alive():
            return self.process
        self.stop()
        return None

    def _launch(self, spec: EngineSpec, deadline: float, start: Start) -> EngineProcess:
        if start == "preloaded" and self._serves_preloaded.get(spec.engine) is False:
            start = "plain"
        try:
            process = self._start(spec, deadline, start)
        except InfrarayError:
            tried = self.process is None or not self.process.is_preloaded or spec.engine in self._serves_preloaded
            if tried or self._closed:
                raise
            # None has served yet that was started so, which may be why: an engine may not bear it, on this device.
            self.stop()
            process = self._start(spec, deadline, "plain")
            self._serves_preloaded[spec.engine] = False
        else:
            if process.is_preloaded:
                self._serves_preloaded[spec.engine] = True
        return process

    def _start(self, spec: EngineSpec, deadline: float, start: Start) -> EngineProcess:
        left_s = max(0.1, min(spec.ready_timeout_s, deadline - time.monotonic()))
        process = EngineProcess(
            spec.model_copy(update={"ready_timeout_s": left_s}),
            preloaded=self._preloaded if start == "preloaded" else None,
            scratch=start == "clean",
        )
        with self._closing:
            if self._closed:
                raise InfrarayError("inference: the bench is closed")
            self.process = process
        process.start()
        # For the comparison with what is asked next: the limit is no part of the launch.
        process.spec = spec
        return process


def to_plain(trial: MeasuredLaunch) -> dict[str, Any]:
    """A trial as JSON-able data, without the answers."""
    content = asdict(trial) | {"measurement": None, "score": trial.score if math.isfinite(trial.score) else None}
    if trial.measurement is not None:
        content["measurement"] = trial.measurement.to_json()
    return content
