"""Episodes: what identifies one, and the loop that plays one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from infraray.agents import Agent, Briefing, Turn, load_agent, parse_agent
from infraray.agents.random import Random
from infraray.code_identity import code_sha256
from infraray.deadline import limited
from infraray.environment import Environment, Measures
from infraray.errors import InfrarayError, Unavailable, without_secrets
from infraray.observation import Observation
from infraray.registration import find
from infraray.user_code import Contained, describe_failure, passes

if TYPE_CHECKING:
    from infraray.agents.chat import ServedModel
    from infraray.spending import Account, Spending

FLOOR_AGENT = "scripted:random"

RULES_VERSION = 1
"""Rises when this module would record or score the same answers on the same task otherwise.

It stands for the module's code in an episode's identity: how episodes are retried and handed about changes more often
than what they are worth.
"""

InThread = Callable[..., Awaitable[Any]]
"""Runs a blocking function beside the event loop."""


@dataclass(frozen=True)
class Entry:
    """One agent entered in one scenario: all that its episodes have in common.

    Args:
        scenario: the registered id, which contains the version.
        parameters: the scenario's parameters as plain data, defaults filled in.
        options: the environment's options (see `Environment.options`).
        level: the difficulty.
        agent: the agent's spec.
        files: the user's files that the entry depends on, as {path: SHA-256}.
        label: what the run calls the scenario with these parameters; not part of the identity.
        conversational: whether the agent's ``act`` is a coroutine function; not part of the identity.
        engine: what the engine that serves the agent's model is, None for an agent without one.
        code: hashes of the code of ``scenario`` and ``agent``, see `infraray.code_identity`.
    """

    scenario: str
    parameters: Mapping[str, Any]
    options: Mapping[str, Any]
    level: int
    agent: str
    files: Mapping[str, str]
    label: str = field(compare=False)
    conversational: bool = field(default=False, compare=False)
    engine: Mapping[str, Any] | None = None
    code: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        environment: Environment,
        scenario: str,
        agent: str,
        made: Agent,
        files: Mapping[str, str],
        label: str,
        engine: Mapping[str, Any] | None = None,
    ) -> Entry:
        """The entry of an agent that is to play in an environment.

        Args:
            environment: made with the entry's parameters.
            scenario: see above.
            agent: see above.
            made: the agent.
            files: the user's files that the scenario depends on; the agent's are added.
            label: see above.
            engine: see above.
        """
        return cls(
            scenario,
            environment.parameters.model_dump(mode="json"),
            environment.options(),
            environment.level,
            agent,
            {**files, **parse_agent(agent).files(), **made.files()},
            label,
            made.is_conversational,
            engine,
            {"scenario": scenario_code(environment), "agent": agent_code(environment, agent, made)},
        )

    @cached_property
    def canonical(self) -> str:
        """The identity as canonical JSON: keys sorted, no blanks."""
        identity = {**asdict(self), "parameters": self.shown_parameters, "rules": RULES_VERSION}
        del identity["label"], identity["conversational"]
        if self.engine is None:
            del identity["engine"]
        return json.dumps(identity, sort_keys=True, separators=(",", ":"))

    @cached_property
    def shown_parameters(self) -> dict[str, Any]:
        """The parameters as they may be written down: without an engine's tokens and passwords."""
        shown: dict[str, Any] = without_secrets(dict(self.parameters))
        return shown

    @cached_property
    def task_key(self) -> str:
        """Equal for entries whose equal seeds are equal tasks."""
        return json.dumps([self.scenario, self.parameters, self.options, self.level], sort_keys=True)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical.encode()).digest()

    def make_environment(self) -> Environment:
        """The environment that plays this entry's tasks."""
        environment_class = find(self.scenario).environment_class()
        return environment_class(**self.parameters, **self.options, level=self.level)


def scenario_code(environment: Environment) -> str:
    """SHA-256 of a scenario's own code: what tasks it makes, and what comes of the answers.

    The floor is stored with each episode; where it is the random agent's score, that agent is a part too.
    """
    random = () if type(environment).floor is not Environment.floor else (Random,)
    return code_sha256(type(environment), *environment.parts(), *random)


def agent_code(environment: Environment, agent: str, made: Agent) -> str:
    """SHA-256 of an agent's own code, for the environment that it is to play in."""
    module = parse_agent(agent).module
    return code_sha256(type(made), *made.parts(environment), *(() if module is None else (module,)))


def episode_id(digest: bytes, seed: int, repetition: int) -> bytes:
    """16 bytes that identify an episode by its content; ``digest`` is its entry's."""
    return hashlib.sha256(b"%s,%d,%d" % (digest, seed, repetition)).digest()[:16]


@dataclass(frozen=True)
class EpisodeSpec:
    """One agent on one task, once."""

    entry: Entry
    seed: int
    repetition: int

    @cached_property
    def id(self) -> bytes:
        """16 bytes that identify the episode by its content."""
        return episode_id(self.entry.digest, self.seed, self.repetition)

    @property
    def agent_seed(self) -> int:
        """Seed of the agent's own random numbers."""
        return int.from_bytes(self.id[:8])


class Step(NamedTuple):
    """One observation, the action taken on it, and what came of it.

    ``action`` is text: what the agent said, or where it gave a native action that action in the scenario's words
    (`Environment.say_action`). A native action that is invalid is as the agent gave it.
    """

    observation: Observation
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]
    latency_s: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    agent_extra: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Trajectory:
    """A played episode. ``failure`` with ``measures=None`` means that it broke off."""

    spec: EpisodeSpec
    steps: list[Step]
    measures: Measures | None
    floor: float
    bound: float
    higher_is_better: bool
    attempts: int
    started_at: datetime
    wall_s: float
    failure: str | None

    @property
    def normalized_score(self) -> float:
        """0 at the floor, 1 at the bound; NaN where both are equal or a score is missing."""
        span = self.bound - self.floor
        if self.measures is None or not math.isfinite(span) or span == 0:
            return math.nan
        return (self.measures.score - self.floor) / span


class EpisodePlayer:
    """Plays episodes, keeping environments, agents and floors between them.

    Args:
        time_limit_s: seconds after which an episode is broken off.
        engines: what the run's engines serve, by name.
        with_bounds: whether floors and bounds are computed, which may take longer than the episode; NaN
            without.
        watch: is called with each step as soon as it is made.
        spending: counts what agents spend, and ends what is not to spend more.
    """

    def __init__(
        self,
        time_limit_s: float,
        engines: Mapping[str, ServedModel] | None = None,
        with_bounds: bool = True,
        watch: Callable[[Step], None] | None = None,
        spending: Spending | None = None,
    ) -> None:
        self.time_limit_s = time_limit_s
        self.engines = engines
        self.with_bounds = with_bounds
        self.watch = watch
        self.spending = spending
        self._environments: defaultdict[str, list[Environment]] = defaultdict(list)
        self._agents: defaultdict[tuple[str, str], list[Agent]] = defaultdict(list)
        self._one_at_a_time = asyncio.Lock()
        self._floors: OrderedDict[tuple[str, int, int], tuple[float, float]] = OrderedDict()

    def play(self, spec: EpisodeSpec, attempt: int = 1) -> Trajectory:
        """Plays an episode whose agent answers at once; one that fails is returned with its failure.

        Args:
            spec: the episode.
            attempt: how often it is begun with this time, which the record says.

        Raises:
            Unavailable: what the agent needs is not there; that is not the episode's failure.
        """
        return _run_through(self._attempt(spec, attempt, None))

    async def converse(self, spec: EpisodeSpec, attempt: int = 1) -> Trajectory:
        """The same for a conversational agent; any number may be under way in one event loop."""
        return await self._attempt(spec, attempt, _in_thread)

    async def _attempt(self, spec: EpisodeSpec, attempt: int, in_thread: InThread | None) -> Trajectory:
        started_at = datetime.now(UTC)
        before = time.perf_counter()
        steps: list[Step] = []
        environment: Environment | None = None
        agent: Agent | None = None
        error: BaseException | None = None
        try:
            environment, agent = self._borrow_environment(spec.entry), self._borrow_agent(spec.entry)
            async with self._turn(environment, in_thread):
                before = time.perf_counter()
                async with limited(self.time_limit_s, in_event_loop=in_thread is not None):
                    account = self.spending.account(spec) if self.spending is not None else None
                    await play_steps(environment, agent, spec, steps, in_thread, self.watch, account)
                    measures = environment.verdict()
                wall_s = time.perf_counter() - before
            if in_thread is None:
                floor, bound = self._floor_and_bound(spec, environment)
            else:
                floor, bound = await in_thread(self._floor_and_bound, spec, environment)
            if measures.failure == "invalid_action":
                measures = Measures(floor, measures.correct, measures.safe, measures.metrics, measures.failure)
            better = environment.score.higher_is_better
        except BaseException as raised:
            error = raised
        try:
            if agent is not None and agent.is_conversational:
                async with limited(self.time_limit_s, in_event_loop=in_thread is not None):
                    await agent.release()
        except BaseException as raised:
            error = error or raised
        if error is None:
            assert environment is not None and agent is not None
            self._environments[spec.entry.task_key].append(environment)
            self._agents[spec.entry.scenario, spec.entry.agent].append(agent)
            return Trajectory(
                spec, steps, measures, floor, bound, better, attempt, started_at, wall_s, measures.failure
            )
        # What an exception may have left in a broken state is not used again.
        if environment is not None:
            _close(environment)
        if passes(error) or issubclass(type(error), Unavailable):
            raise error
        wall_s = time.perf_counter() - before
        if in_thread is None:
            floor, bound = self._floor_and_bound_of_all(spec)
        else:
            floor, bound = await in_thread(self._floor_and_bound_of_all, spec)
        failed = failed_trajectory(spec, describe_failure(error), attempt, started_at, wall_s, steps)
        return replace(failed, floor=floor, bound=bound)

    @asynccontextmanager
    async def _turn(self, environment: Environment, in_thread: InThread | None) -> AsyncIterator[None]:
        """The environment's turn; in an event loop one waits in a thread, the others before that."""
        if in_thread is None or not environment.measured:
            with environment.turn():
                yield
            return
        async with self._one_at_a_time:
            turn = environment.turn()
            await in_thread(turn.__enter__)
            with ExitStack() as entered:
                entered.push(turn)
                yield

    def close(self) -> None:
        """Closes the environments that are idle."""
        while self._environments:
            for environment in self._environments.popitem()[1]:
                _close(environment)

    def _borrow_environment(self, entry: Entry) -> Environment:
        idle = self._environments[entry.task_key]
        return idle.pop() if idle else entry.make_environment()

    def _borrow_agent(self, entry: Entry) -> Agent:
        idle = self._agents[entry.scenario, entry.agent]
        return idle.pop() if idle else load_agent(parse_agent(entry.agent), entry.scenario, self.engines)

    def _floor_and_bound(self, spec: EpisodeSpec, environment: Environment) -> tuple[float, float]:
        """The task's floor and bound as far as it was played, remembered for the other agents."""
        if not self.with_bounds:
            return math.nan, math.nan
        progress = environment.progress()
        key = spec.entry.task_key, spec.seed, progress
        if key not in self._floors:
            floor, bound = environment.floor(), environment.bound()
            if floor is None:
                floor = self._random_score(spec, progress)
            self._floors[key] = floor, bound
            if len(self._floors) > 1024:
                self._floors.popitem(last=False)
        return self._floors[key]

    def _floor_and_bound_of_all(self, spec: EpisodeSpec) -> tuple[float, float]:
        """Those of the whole task, for an episode that failed; NaN where only the live system could tell."""
        if not self.with_bounds:
            return math.nan, math.nan
        entry = _random_entry(spec, text=False)
        try:
            environment = self._borrow_environment(entry)
            floor, bound = environment.floor(), math.nan
            if floor is None:
                self._play_randomly(environment, entry, spec.seed, math.inf)
                floor, bound = self._floor_and_bound(spec, environment)
        except BaseException as error:
            if passes(error):
                raise
            # It is the scenario that fails, and the episode's record says with what.
            return math.nan, math.nan
        self._environments[entry.task_key].append(environment)
        return floor, bound

    def _random_score(self, spec: EpisodeSpec, progress: int) -> float:
        """What the random agent scores on the same task when it has come as far."""
        entry = _random_entry(spec, text=False, max_episode_steps=None)
        environment = self._borrow_environment(entry)
        self._play_randomly(environment, entry, spec.seed, progress)
        score = environment.verdict().score
        self._environments[entry.task_key].append(environment)
        return score

    def _play_randomly(self, environment: Environment, entry: Entry, seed: int, progress: float) -> None:
        """Plays the random agent to the task's end, or as far as ``progress``."""
        agent = self._borrow_agent(entry)
        observation, _ = environment.reset(seed=seed)
        agent.reset(Briefing.of(environment, seed))
        over = False
        while environment.progress() < progress and not over:
            observation, _, terminated, truncated, _ = environment.step(agent.act(observation))
            over = terminated or truncated
        self._agents[entry.scenario, entry.agent].append(agent)


def _random_entry(spec: EpisodeSpec, **options: Any) -> Entry:
    """The random agent on the same tasks, with other options."""
    entry = spec.entry
    changed = {**entry.options, **options}
    return Entry(entry.scenario, entry.parameters, changed, entry.level, FLOOR_AGENT, {}, entry.label)


async def play_steps(
    environment: Environment,
    agent: Agent,
    spec: EpisodeSpec,
    steps: list[Step],
    in_thread: InThread | None = None,
    watch: Callable[[Step], None] | None = None,
    account: Account | None = None,
) -> None:
    """Plays one episode to its end, appending to ``steps`` and telling ``watch``.

    What a blocking environment does is handed to ``in_thread``, so that it runs beside the event
    loop; where no loop runs, ``in_thread`` is None.
    """
    waits = agent.is_conversational
    blocks = environment.blocking and in_thread is not None
    if blocks:
        assert in_thread is not None
        observation, _ = await in_thread(environment.reset, seed=spec.seed)
    else:
        observation, _ = environment.reset(seed=spec.seed)
    agent.reset(Briefing.of(environment, spec.agent_seed))
    clock = time.perf_counter
    over = False
    while not over:
        if account is not None:
            account.check()
        asked = clock()
        answer = agent.act(observation)
        if waits:
            answer = await answer
        latency_s = clock() - asked
        turn = answer if isinstance(answer, Turn) else Turn(answer)
        if account is not None:
            account.add(turn)
        action = turn.action
        # Before the step: what an action is called may depend on the state in which it is taken.
        said = action if isinstance(action, str) else _in_words(environment, action)
        if blocks:
            assert in_thread is not None
            following, reward, terminated, truncated, info = await in_thread(environment.step, action)
        else:
            following, reward, terminated, truncated, info = environment.step(action)
        steps.append(
            Step(
                observation,
                said,
                reward,
                terminated,
                truncated,
                info,
                latency_s,
                turn.input_tokens,
                turn.output_tokens,
                turn.extra,
            )
        )
        if watch is not None:
            watch(steps[-1])
        observation = following
        over = terminated or truncated


def _in_words(environment: Environment, action: Any) -> Any:
    """A native action as the scenario says it; one that has no words, being invalid, as it is."""
    try:
        return environment.say_action(action)
    except InfrarayError:
        return action


async def _in_thread(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """`asyncio.to_thread` for a function that may raise anything, which a future could not hand on."""

    def call() -> Any:
        try:
            return function(*arguments, **named)
        except BaseException as error:
            if issubclass(type(error), Exception) and not issubclass(type(error), StopIteration):
                raise
            raise Contained from error

    return await asyncio.to_thread(call)


def _close(environment: Environment) -> None:
    """Closes an environment, whatever it makes of that."""
    try:
        environment.close()
    except BaseException as error:
        if passes(error):
            raise


def _run_through(coroutine: Coroutine[Any, Any, Trajectory]) -> Trajectory:
    """Runs a coroutine that never waits, without an event loop: the loop's price is a simulator's step."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        trajectory: Trajectory = finished.value
        return trajectory
    coroutine.close()
    raise RuntimeError("an agent that does not say that it is conversational waited for something")


def failed_trajectory(
    spec: EpisodeSpec, failure: str, attempts: int, started_at: datetime, wall_s: float, steps: list[Step]
) -> Trajectory:
    """The record of an episode that was given up."""
    better = find(spec.entry.scenario).environment_class().score.higher_is_better
    return Trajectory(spec, steps, None, math.nan, math.nan, better, attempts, started_at, wall_s, failure)
