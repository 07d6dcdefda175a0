"""The inference environment."""

from __future__ import annotations

import json
import math
import time
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from infraray.engines import find_engine
from infraray.environment import Environment, Measures, Outcome, Score, Task
from infraray.errors import InfrarayError, InvalidAction
from infraray.load.metrics import higher_is_better
from infraray.load.presets import PRESETS
from infraray.observation import ObservedField
from infraray.scenarios.inference.bench import Bench, MeasuredLaunch, to_plain
from infraray.scenarios.inference.bound import best_score
from infraray.scenarios.inference.failures import classify
from infraray.scenarios.inference.left_behind import LAUNCHER, WORKSPACE, LeftBehind, find_left, read_call
from infraray.scenarios.inference.parameters import InferenceParameters, seed_pair
from infraray.scenarios.inference.proposals import EVALUATE, SUBMIT, VERBS, ProposalForm, complete
from infraray.scenarios.inference.requirements import missing_for
from infraray.scenarios.inference.setting import REFERENCE
from infraray.scenarios.inference.submission import Submission, submit
from infraray.scenarios.inference.words import describe_actions, describe_history, describe_task, describe_trial
from infraray.space.values import Configuration

SAID = 4000
"""Characters of an agent's answer that are kept in the transcript."""


class Inference(Environment):
    """Tune a live LLM inference server under a wall-clock budget.

    ## Description
    A model is to be served as fast as possible on this machine's hardware. The agent proposes launch
    configurations of an engine (or of several, and chooses); each is launched for real and measured
    with a workload's requests. In the end one configuration is submitted: it is launched again from a clean start,
    measured with unseen requests, and has to pass two gates. The task's seed selects the pair of development and
    evaluation seeds.

    ## Observation
    Numbers:

    | field | size | unit | meaning |
    |---|---|---|---|
    | budget_left | 1 | s | remaining wall-clock time |
    | measurements | 1 | 1 | configurations measured so far |
    | best_speedup | 1 | 1 | the best speedup so far, 0 if none |
    | last_speedup | 1 | 1 | the last speedup, 0 if it failed |

    The text has the history of measurements with their metrics and failures. Hardware, model, workload and budget are
    in the task description, the settings in the description of the actions.

    ## Actions
    ``{"evaluate": {settings}}`` or ``{"submit": {settings}}``, one JSON object, also after a line's
    ``Answer:`` or ``Action:``; two that differ are invalid. Omitted settings have their defaults. Natively ``verb`` is
    0 or 1 and ``values`` the index of each setting's value; inactive ones are ignored. Settings are checked against
    the search space and the installed engine's own ``--help``. The default action measures the defaults.

    ## Reward
    ``evaluate``: the increase of the best speedup. ``submit``: the final score minus 1.

    ## Parameters
    model (required), workload (a preset or your own), engines, budget_s; python, flags, env,
    ready_timeout_s; longbench, mmlu_pro, questions, judge; folder. Presets: InferenceBench's scenarios
    A (prefill), B (decode), C (throughput) and D (balanced), each also as ``-quick`` and ``-cpu``.

    ## Episode end
    After ``submit``, or when the budget is used up; then the last successfully measured configuration is submitted.
    The score is the speedup over the ``transformers`` reference server on the evaluation seed's requests. It is 1,
    which is also the floor, if the configuration fails, answers questions less well than the reference (quality gate)
    or is not honest (integrity gate). The bound is the roofline's. ``correct`` says whether both gates were passed.
    ``metrics`` has the speedup before the gates, the best one seen, measurements, failures, and seconds used.

    ## Baselines
    defaults, one_factor, expert, random.

    ## Source
    InferenceBench (sections 3 and 4, appendices A to E).
    """

    scenario = "inference"
    score = Score("speedup", "1", higher_is_better=True, low=0.0)
    without_constant = "the agent `defaults` is the answer that never looks"
    Parameters = InferenceParameters
    parameters: InferenceParameters
    presets: ClassVar[dict[str, dict[str, Any]]] = {name: {"workload": name} for name in PRESETS}
    expert = "scripted:expert"
    blocking: ClassVar[bool] = True
    measured: ClassVar[bool] = True
    _bench: Bench | None = None

    @property
    def bench(self) -> Bench:
        """The bench that launches configurations, made when first needed."""
        if self._bench is None:
            self._bench = Bench(self.parameters.setting())
        return self._bench

    def unplayable(self) -> str | None:
        """Why there is no task without a model."""
        return None if self.parameters.model else "model='': name a local folder with a model in Hugging Face's format"

    def missing_here(self) -> str | None:
        """A missing model folder, engine, or requirement of the reference server."""
        return missing_for(self.parameters)

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """Budget, number of measurements, and speedups."""
        return (
            ObservedField("budget_left", 1, "s", "wall-clock time that is left", high=1e6),
            ObservedField("measurements", 1, "1", "configurations that were measured", high=1e6),
            ObservedField("best_speedup", 1, "1", "the best of them, 0 without one", high=1e6),
            ObservedField("last_speedup", 1, "1", "the last one, 0 where it failed", high=1e6),
        )

    def make_action_space(self) -> gymnasium.Space[Any]:
        """The request, and the index of each setting's value."""
        self.space = self.parameters.setting().space
        sizes = [len(one.values) for one in self.space.hyperparameters]
        return spaces.Dict({"verb": spaces.Discrete(len(VERBS)), "values": spaces.MultiDiscrete(sizes)})

    def describe_task(self) -> str:
        """Hardware, model, workload, aim and rules."""
        return describe_task(self.parameters.setting(), self.parameters.budget_s)

    def describe_actions(self) -> str:
        """The two requests and every setting."""
        return describe_actions(self.space)

    def begin(self, task: Task) -> None:
        """Makes the requests and measures the reference on them, then starts the clock.

        Raises:
            InfrarayError: there is no model, the engine is not installed, or the reference server fails.
        """
        if not self.parameters.model:
            raise InfrarayError("inference: model='': name a local folder with a model in Hugging Face's format")
        self.pair = seed_pair(task.seed)
        self.trials: list[MeasuredLaunch] = []
        self.speedups: list[float] = []
        self._quick: set[int] = set()
        """The measurements that were too short to count as the best seen."""
        self.submission: Submission | None = None
        self.transcript: list[str] = []
        self._said: str | None = None
        self.bench.stop()
        # What is the same for everyone is prepared before the clock starts, and late failures are ruled out early.
        self.bench.check_all(self.parameters.judge)
        self.bench.reference(self.pair.dev)
        self.bench.reference(self.pair.eval)
        self.bench.warm_up()
        self.began = time.monotonic()

    @property
    def left_s(self) -> float:
        """Remaining seconds of the budget."""
        return max(0.0, self.parameters.budget_s - (time.monotonic() - self.began))

    def numbers(self) -> NDArray[np.float64]:
        """Budget left (s), measurements, best and last speedup."""
        last = self.speedups[-1] if self.speedups else 0.0
        return np.array(
            [self.left_s, len(self.trials), self._best(), last if math.isfinite(last) else 0.0], dtype=np.float64
        )

    def words(self) -> str:
        """The history of measurements."""
        said = describe_history(self.bench.setting, self.trials, self.speedups, self.left_s)
        return said if self.submission is None else f"{said}\nSubmitted: {self.submission.reason}"

    def advance(self, action: dict[str, Any]) -> Outcome:
        """Measures or submits."""
        verb, configuration = next(iter(action.items()))
        if verb == WORKSPACE:
            return self._advance_workspace(configuration)
        self.transcript.append(f"agent: {json.dumps(action) if self._said is None else self._said[:SAID]}")
        self._said = None
        if self.left_s <= 0:
            return self._submit_last({})
        if verb == SUBMIT:
            return self._submit(configuration)
        before = max(self._best(), 1.0)
        trial = self.bench.evaluate(configuration, self.pair.dev, time_limit_s=self.left_s)
        extra = self._note(trial)
        if self.left_s > 0:
            return Outcome(max(0.0, self._best() - before), extra=extra)
        return self._submit_last(extra)

    def _advance_workspace(self, asked: dict[str, Any]) -> Outcome:
        """Measures the server that an open-ended agent runs, or submits what it has left."""
        left = find_left(asked["name"])
        if asked["do"] == SUBMIT:
            return self._submit(left)
        before = max(self._best(), 1.0)
        number = 1 + len(self.trials)
        # A server may keep what it computed for the prompts of the last evaluation.
        seed = self.pair.dev + (number - 1 << 48)
        count = 1 if asked["quick"] else None
        kind = "quick evaluation" if asked["quick"] else "evaluation"
        launched = left.launcher()
        trial = self.bench.evaluate_server(
            lambda _: left.running(), f"{kind} {number} of the server", seed, count, self.left_s
        )
        self.bench.stop()
        if asked["quick"]:
            self._quick.add(len(self.trials))
        extra = self._note(trial)
        self.transcript.append(f"{LAUNCHER}:\n{launched}")
        extra["launch"] = {"launcher": launched, "processes": asked["processes"]}
        return Outcome(max(0.0, self._best() - before), extra=extra)

    def _note(self, trial: MeasuredLaunch) -> dict[str, Any]:
        """Adds a measurement to the history; returns what is recorded of it."""
        self.trials.append(trial)
        failed = trial.failure is not None or not math.isfinite(trial.score)
        self.speedups.append(math.nan if failed else self.bench.speedup(trial.score, self.pair.dev))
        self.transcript.append(f"bench: {describe_trial(self.bench.setting, trial, self.speedups[-1])}")
        extra: dict[str, Any] = {"trial": to_plain(trial), "speedup": None if failed else self.speedups[-1]}
        if failed:
            extra["failure"] = str(classify(trial.failure or "no request succeeded"))
        return extra

    def _submit_last(self, extra: dict[str, Any]) -> Outcome:
        """Submits the last success when the time is up."""
        last = next((trial for trial in reversed(self.trials) if math.isfinite(trial.score)), None)
        if last is None:
            return Outcome(0.0, terminated=True, extra=extra)
        ended = self._submit(last.configuration)
        return ended._replace(extra={**extra, **(ended.extra or {})})

    def _submit(self, submitted: Configuration | LeftBehind) -> Outcome:
        self.used_s = self.parameters.budget_s - self.left_s
        self.submission = submit(
            self.bench, submitted, self.pair.eval, self.parameters.judge, "\n".join(self.transcript)
        )
        return Outcome(self.submission.score - 1.0, terminated=True, extra={"submission": self.submission.to_json()})

    def answer_form(self) -> ProposalForm:
        """A request with its settings."""
        return ProposalForm(self.space)

    def parse_action(self, text: str) -> dict[str, Any]:
        """Reads JSON in a text and checks its settings."""
        if (asked := read_call(text)) is not None:
            return {WORKSPACE: asked}
        request = self._checked(super().parse_action(text))
        self._said = text
        return request

    def check_action(self, action: Any) -> dict[str, Configuration]:
        """Accepts the native form and the form used in texts."""
        return self._checked(self._in_words(action))

    def say_action(self, action: Any) -> str:
        """The request as JSON."""
        if isinstance(action, dict) and WORKSPACE in action:
            return json.dumps(action)
        return self.answer_form().say(self._in_words(action))

    def _in_words(self, action: Any) -> dict[str, Configuration]:
        """An action in the form used in texts, from either form."""
        if isinstance(action, dict) and len(action) == 1 and next(iter(action)) in VERBS:
            verb, given = next(iter(action.items()))
            if not isinstance(given, dict):
                raise InvalidAction(f"{verb}={given!r}: must be an object of settings")
            return {verb: complete(given, self.space)}
        native = super().check_action(action)
        values = {
            one.name: one.values[int(position)]
            for one, position in zip(self.space.hyperparameters, native["values"], strict=True)
        }
        active: dict[str, Any] = {}
        for name, value in values.items():
            if self.space.is_active(name, active):
                active[name] = value
        return {VERBS[int(native["verb"])]: complete(active, self.space)}

    def _checked(self, request: dict[str, Configuration]) -> dict[str, Configuration]:
        """Rejects settings that the installed engine does not support."""
        try:
            self.bench.check(next(iter(request.values())))
        except InfrarayError as error:
            raise InvalidAction("; ".join(str(error).splitlines())) from None
        return request

    def default_action(self) -> dict[str, Configuration]:
        """Measures the defaults."""
        return {EVALUATE: self.space.default}

    def measure(self) -> Measures:
        """The final score, and how it was reached."""
        failures = [trial for trial in self.trials if not math.isfinite(trial.score)]
        metrics = {
            "measurements": float(len(self.trials)),
            "failed_measurements": float(len(failures)),
            "best_speedup_seen": self._best(),
        }
        if self.submission is None:
            return Measures(1.0, correct=False, metrics=metrics, failure="not_submitted")
        metrics["used_s"] = self.used_s
        if math.isfinite(self.submission.speedup):
            metrics["speedup_before_gates"] = self.submission.speedup
        failure = None if self.submission.passed else self._failure(self.submission)
        return Measures(self.submission.score, correct=self.submission.passed, metrics=metrics, failure=failure)

    def _failure(self, submission: Submission) -> str:
        if submission.trial.failure is not None:
            return str(classify(submission.trial.failure))
        return str(submission.outcome)

    def parts(self) -> tuple[Any, ...]:
        """The engines and the reference server, which are looked up by name."""
        kinds = [find_engine(REFERENCE), *(kind for kind, _ in self.parameters.setting().spaces.values())]
        return tuple(part for kind in kinds for part in (type(kind), *kind.parts()))

    def floor(self) -> float:
        """The reference server itself."""
        return 1.0

    def bound(self) -> float:
        """The roofline's speedup; NaN if the device's limits are unknown."""
        roofline = self.bench.roofline()
        if roofline is None or not hasattr(self, "pair"):
            return math.nan
        workload, seed = self.bench.setting.workload, self.pair.eval
        best = best_score(workload, self.bench.requests(seed), roofline, self.space, seed)
        reference = self.bench.reference(seed).score
        return best / reference if higher_is_better(workload.objective) else reference / best

    def exclusively(self) -> AbstractContextManager[None]:
        """Holds the devices for a whole episode, as its budget would run out while others measured there."""
        return self.bench.lock.held()

    def close(self) -> None:
        """Ends the server and everything else that the bench runs."""
        if self._bench is not None:
            self._bench.close()
        super().close()

    def _best(self) -> float:
        whole = [speedup for number, speedup in enumerate(self.speedups) if number not in self._quick]
        return max(filter(math.isfinite, whole), default=0.0)
