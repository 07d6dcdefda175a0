"""The test bench: launches an engine with a configuration, sends a workload's requests, and reports the result.

Trials are launched from a process that has already imported the engine, with the engine's caches as the previous trial
left them, which saves most of the start-up time; `Bench.warm_up` prepares both before the first trial. Whatever
decides a score is started plainly: the reference server, and the submission, the latter with empty caches.

Search and agents use the same bench on the same requests, so their results can go into one table. Only one measurement
at a time is made on the same devices, since two servers side by side would disturb each other's measurements. No
running server is measured twice on the same prompts, as it may have cached what it computed for them; only within a
measurement does each traffic have the same requests, as in InferenceBench.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
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
"""How a server is started: from a process that has imported the engine; plainly, as anybody would; or plainly with
empty folders of its own. Only a clean start never reuses a running server."""

MOST_FAILED = 0.01
"""Share of each traffic's requests that may fail in addition to those where, as the reference shows, the model says
nothing: latencies are those of successes, so a server that rejects slow requests looks fast."""

Watching = Callable[[EngineProcess], AbstractContextManager[object]]
"""Makes the context manager around the load on a server, such as a watch on its connections."""


@dataclass(frozen=True)
class MeasuredLaunch:
    """A measured configuration.

    Args:
        configuration: what was launched.
        measurement: the measurement; None if there is none.
        failure: the reason given by the engine or the load, in one line; None if there was no failure.
        start_s: seconds from launch to ready, after the previous server is gone; 0 if a running server was reused.
        measure_s: seconds of load.
        server: what was measured, in words, where it was not launched from a configuration.
    """

    configuration: Configuration
    measurement: Measurement | None
    failure: str | None
    start_s: float
    measure_s: float
    server: str = ""

    @property
    def score(self) -> float:
        """The score by the workload's objective; NaN if the trial failed."""
        return math.nan if self.measurement is None or self.failure is not None else self.measurement.score


class Bench:
    """Owns at most one running server, and the processes that have imported engines, until `close`.

    Args:
        setting: the part that is the same for every configuration.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.lock = DeviceLock()
        self.process: EngineProcess | None = None
        self._sent: set[tuple[int, int]] = set()
        """Seed and number of the requests that the running server has seen."""
        self._closed = False
        self._closing = threading.Lock()
        self._preloaded = PreloadedLauncher()
        self._serves_preloaded: dict[str, bool] = {}
        """Whether an engine serves when launched from a process that has imported it, by engine, once tried."""
        self._warm = False
        self._requests: dict[tuple[int, int], RequestSet] = {}
        self._references: dict[int, Reference] = {}

    def quiz(self, seed: int) -> Quiz | None:
        """The quality gate's questions for a seed; None if the setting names none.

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
        """The workload's requests for a seed, made once.

        Args:
            seed: one of a `SeedPair`.
            count: the number of requests; by default all of the workload's. A smaller number has different prompts, so
                a server that has seen them can be sent all of them afterwards.
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
        """Rejects a configuration that the installed engine does not support.

        Raises:
            InfrarayError: one line per flag.
        """
        spec = self.setting.engine_spec(configuration)
        flags = installed_flags(spec, Path(self.setting.folder))
        if flags is not None:
            flags.check(spec)

    def check_all(self, judged_by: str | None = None) -> list[str]:
        """Rejects early what would fail late, such as a missing engine or an invalid judge.

        Returns:
            Why no configuration can pass the gates, one line each.

        Raises:
            InfrarayError: one line per mistake.
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
        """Starts each engine once with its defaults, so that no trial pays for one-off costs.

        These are the imports, repeated with the variables that the engine sets for its processes, and what it compiles
        and caches. A start that fails here will fail again when it is measured, and say why then.
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

        A running server with the same launch is reused if it has not seen the requests, unless a clean start is
        requested, which means a plainly started new process group with its own scratch folders.

        Args:
            configuration: canonical.
            seed: the seed of the requests and their arrival times.
            num_requests: the number of requests, by default all; never fewer than are in flight at a time.
            time_limit_s: limit for the start and the load; what is unfinished then counts as failed.
            clean: whether to make a clean start.
            watching: a context manager around the load.
        """
        try:
            self.check(configuration)
        except InfrarayError as error:
            return MeasuredLaunch(configuration, None, "; ".join(str(error).splitlines()), 0.0, 0.0)
        spec = self.setting.engine_spec(configuration)
        start: Start = "clean" if clean else "preloaded"
        silent = self._silent(seed)
        return self._evaluate(spec, configuration, seed, num_requests, time_limit_s, start, silent, watching)

    def evaluate_server(
        self,
        start: Callable[[float], EngineProcess],
        server: str,
        seed: int,
        num_requests: int | None = None,
        time_limit_s: float = math.inf,
        watching: Watching | None = None,
    ) -> MeasuredLaunch:
        """Measures a server that no configuration describes, such as one that an agent has written.

        Args:
            start: makes it available within the given seconds; raises an `InfrarayError` with the reason if it cannot.
            server: what it is, in words.
            seed: as for `evaluate`, likewise the others.
            num_requests: see there.
            time_limit_s: see there.
            watching: see there.
        """
        spec = self.setting.reference_spec()
        silent = self._silent(seed)
        trial = self._evaluate(spec, {}, seed, num_requests, time_limit_s, "clean", silent, watching, start)
        return replace(trial, server=server)

    def _silent(self, seed: int) -> float:
        """The share of requests to which the model says nothing, according to the reference."""
        reference = self._known_reference(seed)
        responses = () if reference is None else reference.responses
        return sum(one.failure == "incomplete" for one in responses) / max(1, len(responses))

    def reference(self, seed: int) -> Reference:
        """The reference server's results on a seed's requests, measured once on this machine and stored.

        Raises:
            InfrarayError: the reference server fails.
        """
        found = self._known_reference(seed)
        if found is not None:
            return found
        with self.lock.held():
            # The previous holder of the devices may have measured it.
            found = self._known_reference(seed)
            if found is None:
                found = self._references[seed] = self._measure_reference(seed)
                found.save(self._reference_path(seed))
        return found

    def _known_reference(self, seed: int) -> Reference | None:
        """Stored results of an earlier measurement, read once."""
        if seed not in self._references and (found := load_reference(self._reference_path(seed))) is not None:
            self._references[seed] = found
        return self._references.get(seed)

    def start_reference(self) -> EngineProcess:
        """Starts the reference server for questions, not for timing; `stop` ends it.

        Raises:
            InfrarayError: it does not start.
        """
        spec = self.setting.reference_spec()
        return self._running(spec, "preloaded", None) or self._launch(spec, math.inf, "preloaded")

    def speedup(self, score: float, seed: int) -> float:
        """How many times better a score is than the reference's; 1 if equal."""
        return speedup(self.setting.workload.objective, score, self.reference(seed).score)

    def roofline(self) -> Roofline | None:
        """The model's limits on this machine's device; None if the device's are unknown."""
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
            # Includes how it computes: a different server is a different baseline.
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
        # It computes one answer at a time, so waiting requests would time out.
        answers = quiz.ask(self.process.url, spec.served_model, concurrency=1) if quiz is not None else None
        return Reference(trial.score, trial.measurement.traffics[0].responses, answers)

    def stop(self) -> None:
        """Ends the server, if one is running."""
        # `close` may do the same in another thread.
        with self._closing:
            process, self.process = self.process, None
        if process is not None:
            process.end()
            process.remove_log()
            self._sent.clear()

    def close(self) -> None:
        """Ends the server and everything else, even during a measurement in another thread. May be called twice."""
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
        made_by: Callable[[float], EngineProcess] | None = None,
    ) -> MeasuredLaunch:
        """Measures a launch, or what ``made_by`` makes available in the given seconds.

        ``silent`` is the share of requests to which the model says nothing. None stands for the reference itself,
        which needs only one success and has unlimited time, since it answers one request at a time.
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
                process = running or self._launch(spec, deadline, start, made_by)
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
        """The running server if it can be reused for the given request; otherwise it is ended."""
        fits = start != "clean" and asked not in self._sent
        if self.process is not None and fits and self.process.spec == spec and self.process.alive():
            return self.process
        self.stop()
        return None

    def _launch(
        self,
        spec: EngineSpec,
        deadline: float,
        start: Start,
        made_by: Callable[[float], EngineProcess] | None = None,
    ) -> EngineProcess:
        if made_by is not None:
            self.process = made_by(max(0.1, min(spec.ready_timeout_s, deadline - time.monotonic())))
            return self.process
        if start == "preloaded" and self._serves_preloaded.get(spec.engine) is False:
            start = "plain"
        try:
            process = self._start(spec, deadline, start)
        except InfrarayError:
            tried = self.process is None or not self.process.is_preloaded or spec.engine in self._serves_preloaded
            if tried or self._closed:
                raise
            # No server started this way has served yet, and that may be why: some engines cannot be forked on some
            # devices.
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
        # For comparison with the next launch; the limit is not part of it.
        process.spec = spec
        return process


def to_plain(trial: MeasuredLaunch) -> dict[str, Any]:
    """A trial as JSON-serializable data, without the answers."""
    content = asdict(trial) | {"measurement": None, "score": trial.score if math.isfinite(trial.score) else None}
    if trial.measurement is not None:
        content["measurement"] = trial.measurement.to_json()
    return content
