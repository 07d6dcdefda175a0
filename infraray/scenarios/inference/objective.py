"""The launch configuration of an engine as an objective of a search.

The budget is a number of requests, never fewer than are in flight at a time. A configuration that is measured again
with another budget finds its server still running. The search's result is launched again from a clean start on the
evaluation seeds and has to pass the gates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from infraray.agents import load_agent
from infraray.environment import Score
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory, scenario_code, task_files
from infraray.errors import InfrarayError
from infraray.load.workloads import SEED_PAIRS
from infraray.scenarios.inference.bench import Bench, MeasuredLaunch, to_plain
from infraray.scenarios.inference.environment import Inference
from infraray.scenarios.inference.failures import classify
from infraray.scenarios.inference.parameters import InferenceParameters, seed_pair, task_of
from infraray.scenarios.inference.proposals import EVALUATE, SUBMIT
from infraray.scenarios.inference.submission import Submission, submit
from infraray.space.values import Configuration
from infraray.tune.episodes import check_agent, play_all
from infraray.tune.measured import Measured, MeasuredObjective, MeasurementFailed
from infraray.tune.objective import SearchRequest

SCENARIO = "inference"

AGENT_S = 86_400.0
"""Time limit of an agent's episode: its budget ends it long before."""


class InferenceObjective(MeasuredObjective):
    """The speedup over the reference server on the same requests: all of each seed's.

    Args:
        request: the study's request.

    Raises:
        InfrarayError: a parameter is wrong, there is no model, or agents are given.
    """

    search_seeds = tuple(zip(*SEED_PAIRS, strict=True))  # type: ignore[assignment]

    score = Score("speedup", "1", higher_is_better=True, low=0.0)
    budget_unit = "requests"
    alone_on_devices = True

    def __init__(self, request: SearchRequest) -> None:
        super().__init__(request)
        self.parameters = parameters = _parameters(request)
        # If they belong to tasks that agents can play, configurations and agents are compared task by task.
        tasks = {task_of(seed): seed for seed in request.evaluation_seeds}
        self._requests_of = {task: seed for task, seed in tasks.items() if task is not None and self._is_played(task)}
        if len(self._requests_of) == len(request.evaluation_seeds):
            self.evaluation_seeds = tuple(self._requests_of)
        self.setting = parameters.setting()
        self.space = self.setting.space
        self.warming = f"{', '.join(self.setting.engines)}: imports and a first start"
        workload = parameters.workload
        self.max_budget = workload.num_requests
        self.min_budget = min(workload.num_requests, max(workload.peak_concurrency, workload.num_requests // 9))
        self._bench: Bench | None = None

    def identity(self) -> Mapping[str, Any]:
        """The setting, the seeds, and the gates' questions."""
        # A bench of its own: this one's goes to other processes.
        bench = Bench(self.setting)
        quizzes = [bench.quiz(seed) for seed in self.request.evaluation_seeds]
        return {
            **self.setting.identity(),
            "seeds": list(self.seeds),
            "evaluation_seeds": list(self.request.evaluation_seeds),
            "quizzes": [None if quiz is None else quiz.sha256 for quiz in quizzes],
            "judge": self.parameters.judge,
            "code": scenario_code(self.environment()),
        }

    def spell(self, configuration: Configuration) -> str:
        """The engine and its flags."""
        return self.setting.command_line(configuration)

    def preparations(self) -> Sequence[str]:
        """The reference server on each seed's requests."""
        return list(self._pieces)

    def prepare(self, piece: str) -> Sequence[str]:
        """Makes a seed's requests and measures the reference server; reports what no configuration can pass."""
        missing = self._missing
        self.bench.reference(self._pieces[piece])
        return missing

    @property
    def _pieces(self) -> dict[str, int]:
        """The seed of each piece of the preparation."""
        reference = self.setting.reference_spec().engine
        return {
            f"{reference}, the reference, on the requests of seed {seed}": seed
            for seed in (*self.seeds, *self.request.evaluation_seeds)
        }

    @cached_property
    def _missing(self) -> list[str]:
        """What no configuration can pass, determined once per process, as it takes a measurement of the cores."""
        return self.bench.check_all(self.parameters.judge)

    @property
    def bench(self) -> Bench:
        """This process's bench."""
        if self._bench is None:
            self._bench = Bench(self.setting)
        return self._bench

    def warm_up(self) -> None:
        """Starts each engine once."""
        self.bench.warm_up()

    def say(self, configuration: Configuration, budget: int | None) -> str:
        """What an agent would say to measure or submit."""
        return json.dumps({SUBMIT if budget is None else EVALUATE: dict(configuration)})

    def measure(self, configuration: Configuration, seed: int, budget: int) -> Measured:
        """Launches a server, or uses the running one, and sends the first ``budget`` requests."""
        trial = self.bench.evaluate(configuration, seed, budget)
        if not math.isfinite(trial.score):
            reason = trial.failure or "no request succeeded"
            raise MeasurementFailed(f"{classify(reason)}: {reason}")
        return Measured(self.bench.speedup(trial.score, seed), _metrics(trial), extra={"trial": to_plain(trial)})

    def confirm(self, configuration: Configuration, seed: int) -> Measured:
        """Submits; a configuration that fails a gate has the speedup 1."""
        submission = submit(self.bench, configuration, self._requests_of.get(seed, seed), self.parameters.judge)
        metrics = {
            "speedup_before_gates": submission.speedup,
            "probe_s": submission.probe_s,
            "opinion_s": submission.opinion_s,
            **_metrics(submission.trial),
        }
        failure = None if submission.passed else f"{_class_of(submission)}: {submission.reason}"
        return Measured(submission.score, metrics, failure, {"submission": submission.to_json()})

    def check_agent(self, agent: str) -> None:
        """Rejects an agent that cannot be made, and any agent if no task has the study's seeds."""
        for seed in self.request.evaluation_seeds:
            task = task_of(seed)
            if task is None or not self._is_played(task):
                pairs = [list(seeds) for seeds in zip(*SEED_PAIRS, strict=True)]
                raise InfrarayError(
                    f"evaluation seed {seed} and a development seed are not those of a task that agents can play; "
                    f"take seeds from {pairs[0]} and evaluation_seeds from {pairs[1]}, at the same places"
                )
        check_agent(agent, SCENARIO)

    def agent_entry(self, agent: str) -> Entry:
        """The tasks whose evaluation seeds are the study's, each with the study's budget of wall-clock time."""
        environment, scenario = self.environment(), self.request.scenario
        files = task_files(environment, scenario, self.request.imported)
        return Entry.of(environment, scenario, agent, load_agent(agent, SCENARIO), files, SCENARIO)

    def play(self, specs: Sequence[EpisodeSpec]) -> Iterator[Trajectory]:
        """Measures, or lets an agent play."""
        if "configuration" in specs[0].entry.options:
            yield from super().play(specs)
            return
        self.bench.stop()
        player = EpisodePlayer(AGENT_S, with_bounds=False)
        try:
            yield from play_all(player, specs)
        finally:
            player.close()

    def environment(self) -> Inference:
        """The environment in which agents play the study's tasks."""
        return Inference(**self.parameters.model_dump(mode="json"))

    def _is_played(self, task: int) -> bool:
        """Whether a task's development seed is the study's."""
        return seed_pair(task).dev in self.seeds

    def close(self) -> None:
        """Ends the server and everything else that the bench runs."""
        if self._bench is not None:
            self._bench.close()


def _parameters(request: SearchRequest) -> InferenceParameters:
    """The scenario's parameters in a study, with its seconds as the agents' budget."""
    if request.agents:
        raise InfrarayError(f"agent {request.agents[0]}: launch configurations are searched, not agents; leave it out")
    environment = Inference(preset=request.preset, level=request.level, **request.parameters)
    parameters = environment.parameters
    if not parameters.model:
        raise InfrarayError("inference: model='': name a local folder with a model in Hugging Face's format")
    if request.seconds is not None:
        if request.parameters.get("budget_s", request.seconds) != request.seconds:
            raise InfrarayError(
                f"inference: budget_s={parameters.budget_s:g}: agents have the study's {request.seconds:g} s; "
                "leave it out"
            )
        parameters = parameters.model_copy(update={"budget_s": request.seconds})
    return parameters


def _class_of(submission: Submission) -> str:
    if submission.trial.failure is not None:
        return str(classify(submission.trial.failure))
    return str(submission.outcome)


def _metrics(trial: MeasuredLaunch) -> dict[str, float]:
    """Metrics of the first traffic if there are several."""
    if trial.measurement is None:
        return {}
    metrics, lag = trial.measurement.traffics[0].metrics, trial.measurement.traffics[0].client_lag
    return {
        "score_native": trial.score,
        "ttft_mean_s": metrics.ttft_s.mean,
        "ttft_p99_s": metrics.ttft_s.p99,
        "tpot_mean_s": metrics.tpot_s.mean,
        "request_throughput_per_s": metrics.request_throughput,
        "output_throughput_tokens_per_s": metrics.output_throughput,
        "client_send_lag_p99_s": lag.send_s.p99,
        "client_receive_lag_p99_s": lag.receive_s.p99,
        "warnings": float(len(trial.measurement.warnings)),
        "start_s": trial.start_s,
        "measure_s": trial.measure_s,
    }
