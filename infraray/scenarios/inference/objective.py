"""The launch configuration of an engine as an objective of a search.

The budget is requests, never fewer than are in flight at a time. A configuration that is measured
again with another budget finds its server still running. What the search ends with is launched once
more from a clean start on the evaluation seeds and has to pass the gates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from infraray.agents import load_agent
from infraray.environment import Score
from infraray.episodes import Entry, EpisodePlayer, agent_code, scenario_code
from infraray.errors import InfrarayError
from infraray.load.workloads import SEED_PAIRS
from infraray.registration import find
from infraray.scenarios.inference.bench import Bench, MeasuredLaunch
from infraray.scenarios.inference.environment import Inference
from infraray.scenarios.inference.failures import classify
from infraray.scenarios.inference.parameters import InferenceParameters, seed_pair, task_of
from infraray.scenarios.inference.submission import Submission, submit
from infraray.space.values import Configuration
from infraray.tune.episodes import check_agent, measure_agent
from infraray.tune.objective import Measurement, Objective, SearchRequest, joined

SCENARIO = "inference"

AGENT_S = 86_400.0
"""Time limit of an agent's episode: its budget ends it long before."""


class InferenceObjective(Objective):
    """The speedup over the reference server, on the same requests: on those of each seed all of them.

    Args:
        request: what the study asks for.

    Raises:
        InfrarayError: a parameter is wrong, there is no model, or agents are given.
    """

    search_seeds = tuple(zip(*SEED_PAIRS, strict=True))  # type: ignore[assignment]

    score = Score("speedup", "1", higher_is_better=True, low=0.0)
    budget_unit = "requests"
    alone_on_devices = True

    def __init__(self, request: SearchRequest) -> None:
        self.parameters = parameters = _parameters(request)
        self.seeds = request.seeds
        self.evaluation_seeds = self.confirmed_apart = request.evaluation_seeds
        self.setting = parameters.setting()
        self.space = self.setting.space
        self.warming = f"{', '.join(self.setting.engines)}: imports and a first start"
        workload = parameters.workload
        self.max_budget = workload.num_requests
        self.min_budget = min(workload.num_requests, max(workload.peak_concurrency, workload.num_requests // 9))
        self._bench: Bench | None = None

    def identity(self) -> Mapping[str, Any]:
        """The setting, the seeds, and what the gates ask."""
        # A bench of its own: this one's goes to other processes.
        bench = Bench(self.setting)
        quizzes = [bench.quiz(seed) for seed in self.evaluation_seeds]
        return {
            **self.setting.identity(),
            "seeds": list(self.seeds),
            "evaluation_seeds": list(self.evaluation_seeds),
            "quizzes": [None if quiz is None else quiz.sha256 for quiz in quizzes],
            "judge": self.parameters.judge,
            "code": scenario_code(self._environment()),
        }

    def spell(self, configuration: Configuration) -> str:
        """The engine and its flags."""
        return self.setting.command_line(configuration)

    def preparations(self) -> Sequence[str]:
        """The reference server on each seed's requests."""
        return list(self._pieces)

    def prepare(self, piece: str) -> Sequence[str]:
        """Makes a seed's requests and measures the reference server; says what no configuration can pass."""
        missing = self._missing
        self.bench.reference(self._pieces[piece])
        return missing

    @property
    def _pieces(self) -> dict[str, int]:
        """The seed of each piece of the preparation."""
        reference = self.setting.reference_spec().engine
        return {
            f"{reference}, the reference, on the requests of seed {seed}": seed
            for seed in (*self.seeds, *self.evaluation_seeds)
        }

    @cached_property
    def _missing(self) -> list[str]:
        """What no configuration can pass, looked up once in each process: it takes a measurement of the cores."""
        return self.bench.check_all(self.parameters.judge)

    @property
    def bench(self) -> Bench:
        """This process's."""
        if self._bench is None:
            self._bench = Bench(self.setting)
        return self._bench

    def warm_up(self) -> None:
        """Starts each engine once."""
        self.bench.warm_up()

    def evaluate(self, configuration: Configuration, budget: int) -> Measurement:
        """Launches, or uses the server that runs, and sends the first ``budget`` requests of each development seed."""
        trials = []
        for seed in self.seeds:
            trials.append(self.bench.evaluate(configuration, seed, budget))
            if not math.isfinite(trials[-1].score):
                return _failed(trials[-1])
        samples = tuple(self.bench.speedup(trial.score, seed) for trial, seed in zip(trials, self.seeds, strict=True))
        return Measurement(sum(samples) / len(samples), samples, _metrics(trials))

    def confirm(self, configuration: Configuration) -> Measurement:
        """Submits on each evaluation seed."""
        return joined([self.confirm_seed(configuration, seed) for seed in self.evaluation_seeds])

    def confirm_seed(self, configuration: Configuration, seed: int) -> Measurement:
        """Submits on an evaluation seed; what fails a gate has the speedup 1."""
        submission = submit(self.bench, configuration, seed, self.parameters.judge)
        return Measurement(
            submission.score,
            (submission.score,),
            {
                "speedup_before_gates": submission.speedup,
                "probe_s": submission.probe_s,
                "opinion_s": submission.opinion_s,
                **_metrics([submission.trial]),
            },
            failure=None if submission.passed else _class_of(submission),
            reason=None if submission.passed else submission.reason,
        )

    def check_agent(self, agent: str) -> None:
        """Refuses one that cannot be made, and any where no task has the study's seeds."""
        self._tasks()
        check_agent(agent, SCENARIO)

    def agent_identity(self, agent: str) -> Mapping[str, Any]:
        """Its code, and the time that it has."""
        code = agent_code(self._environment(), agent, load_agent(agent, SCENARIO))
        return {"code": code, "budget_s": self.parameters.budget_s}

    def confirm_agent(self, agent: str) -> Measurement:
        """Plays the tasks whose evaluation seeds are the study's, each with the study's budget of wall-clock time."""
        self.bench.stop()
        environment = self._environment()
        entry = Entry.of(environment, find(SCENARIO).id, agent, load_agent(agent, SCENARIO), {}, SCENARIO)
        player = EpisodePlayer(AGENT_S, with_bounds=False)
        try:
            return measure_agent(player, entry, self._tasks())
        finally:
            player.close()

    def _environment(self) -> Inference:
        """In which agents play the study's tasks."""
        return Inference(**self.parameters.model_dump(mode="json"))

    def _tasks(self) -> list[int]:
        """The tasks of the environment that have these seeds."""
        tasks = []
        for seed in self.evaluation_seeds:
            task = task_of(seed)
            if task is None or seed_pair(task).dev not in self.seeds:
                pairs = [list(seeds) for seeds in zip(*SEED_PAIRS, strict=True)]
                raise InfrarayError(
                    f"evaluation seed {seed} and a development seed are not those of a task that agents can play; "
                    f"take seeds from {pairs[0]} and evaluation_seeds from {pairs[1]}, at the same places"
                )
            tasks.append(task)
        return tasks

    def close(self) -> None:
        """Ends the server and all else that the bench runs."""
        if self._bench is not None:
            self._bench.close()


def _parameters(request: SearchRequest) -> InferenceParameters:
    """The scenario's parameters of a study, its seconds as the agents' budget."""
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


def _failed(trial: MeasuredLaunch) -> Measurement:
    reason = trial.failure or "no request succeeded"
    return Measurement(None, failure=str(classify(reason)), reason=reason, metrics={"start_s": trial.start_s})


def _class_of(submission: Submission) -> str:
    if submission.trial.failure is not None:
        return str(classify(submission.trial.failure))
    return str(submission.outcome)


def _metrics(trials: Sequence[MeasuredLaunch]) -> dict[str, float]:
    """Means over the trials, of the first traffic where there are several."""
    figures: dict[str, list[float]] = {}
    for trial in trials:
        if trial.measurement is None:
            continue
        metrics, lag = trial.measurement.traffics[0].metrics, trial.measurement.traffics[0].client_lag
        for name, value in (
            ("score_native", trial.score),
            ("ttft_mean_s", metrics.ttft_s.mean),
            ("ttft_p99_s", metrics.ttft_s.p99),
            ("tpot_mean_s", metrics.tpot_s.mean),
            ("request_throughput_per_s", metrics.request_throughput),
            ("output_throughput_tokens_per_s", metrics.output_throughput),
            ("client_send_lag_p99_s", lag.send_s.p99),
            ("client_receive_lag_p99_s", lag.receive_s.p99),
            ("warnings", float(len(trial.measurement.warnings))),
            ("start_s", trial.start_s),
            ("measure_s", trial.measure_s),
        ):
            if math.isfinite(value):
                figures.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in figures.items()}
