"""The loop that plays an episode, and what it keeps between episodes."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from infraray.agents import Agent, Briefing, Turn, load_agent, parse_agent
from infraray.deadline import limited
from infraray.environment import Environment
from infraray.episodes.identity import Entry, EpisodeSpec
from infraray.episodes.spending import Account, Spending
from infraray.episodes.trajectory import Step, Trajectory, failed_trajectory
from infraray.errors import InfrarayError, Unavailable
from infraray.user_code import Contained, describe_failure, passes

if TYPE_CHECKING:
    from infraray.agents.chat import ServedModel

FLOOR_AGENT = "scripted:random"

Key = TypeVar("Key")
Found = TypeVar("Found")

InThread = Callable[..., Awaitable[Any]]
"""Runs a blocking function beside the event loop."""


class EpisodePlayer:
    """Plays episodes, keeping environments, agents and floors between them.

    Args:
        time_limit_s: seconds after which an episode is aborted.
        engines: what the run's engines serve, by name.
        with_bounds: whether floors and bounds are computed, which may take longer than the episode; NaN
            without.
        watch: called with each step as soon as it is made.
        spending: counts what agents spend, and stops those that may not spend more.
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
        self._worst_rewards: OrderedDict[tuple[str, int], float] = OrderedDict()

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
            async with self._exclusively(environment, in_thread):
                before = time.perf_counter()
                async with limited(self.time_limit_s, in_event_loop=in_thread is not None):
                    account = self.spending.account(spec) if self.spending is not None else None
                    await play_steps(environment, agent, spec, steps, in_thread, self.watch, account)
                    measures = environment.verdict()
                wall_s = time.perf_counter() - before
            if in_thread is None:
                floor, bound = self.floor_and_bound(spec, environment)
            else:
                floor, bound = await in_thread(self.floor_and_bound, spec, environment)
            measures = measures.beside(floor)
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
        # Anything that an exception may have left in a broken state is not used again.
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
    async def _exclusively(self, environment: Environment, in_thread: InThread | None) -> AsyncIterator[None]:
        """Plays a measured environment alone; in an event loop one waits in a thread, the others before that."""
        if in_thread is None or not environment.measured:
            with environment.exclusively():
                yield
            return
        async with self._one_at_a_time:
            exclusive = environment.exclusively()
            await in_thread(exclusive.__enter__)
            with ExitStack() as entered:
                entered.push(exclusive)
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

    def floor_and_bound(self, spec: EpisodeSpec, environment: Environment) -> tuple[float, float]:
        """The task's floor and bound as far as it was played, remembered for the other agents."""
        if not self.with_bounds:
            return math.nan, math.nan
        progress = environment.progress()

        def find() -> tuple[float, float]:
            floor, bound = environment.floor(), environment.bound()
            return self._random_score(spec, progress) if floor is None else floor, bound

        return _remembered(self._floors, (spec.entry.task_key, spec.seed, progress), find)

    def worst_random_reward(self, spec: EpisodeSpec) -> float:
        """The lowest reward of the random agent's steps on the whole task, remembered likewise."""
        entry = spec.entry.played_by(FLOOR_AGENT, options={"text": False})

        def find() -> float:
            environment = self._borrow_environment(entry)
            worst = self._play_randomly(environment, entry, spec.seed, math.inf)
            self._environments[entry.task_key].append(environment)
            return worst

        return _remembered(self._worst_rewards, (spec.entry.task_key, spec.seed), find)

    def _floor_and_bound_of_all(self, spec: EpisodeSpec) -> tuple[float, float]:
        """Those of the whole task, for an episode that failed; NaN where only the live system could tell."""
        if not self.with_bounds:
            return math.nan, math.nan
        entry = spec.entry.played_by(FLOOR_AGENT, options={"text": False})
        try:
            environment = self._borrow_environment(entry)
            floor, bound = environment.floor(), math.nan
            if floor is None:
                self._play_randomly(environment, entry, spec.seed, math.inf)
                floor, bound = self.floor_and_bound(spec, environment)
        except BaseException as error:
            if passes(error):
                raise
            # It is the scenario that fails, and the episode's record says with what.
            return math.nan, math.nan
        self._environments[entry.task_key].append(environment)
        return floor, bound

    def _random_score(self, spec: EpisodeSpec, progress: int) -> float:
        """What the random agent scores on the same task when it has come as far."""
        entry = spec.entry.played_by(FLOOR_AGENT, options={"text": False, "max_episode_steps": None})
        environment = self._borrow_environment(entry)
        self._play_randomly(environment, entry, spec.seed, progress)
        score = environment.verdict().score
        self._environments[entry.task_key].append(environment)
        return score

    def _play_randomly(self, environment: Environment, entry: Entry, seed: int, progress: float) -> float:
        """Plays the random agent to the task's end, or as far as ``progress``; returns its lowest reward."""
        agent = self._borrow_agent(entry)
        observation, _ = environment.reset(seed=seed)
        agent.reset(Briefing.of(environment, seed))
        worst, over = math.inf, False
        while environment.progress() < progress and not over:
            observation, reward, terminated, truncated, _ = environment.step(agent.act(observation))
            worst, over = min(worst, float(reward)), terminated or truncated
        self._agents[entry.scenario, entry.agent].append(agent)
        return worst


def _remembered(memory: OrderedDict[Key, Found], key: Key, find: Callable[[], Found]) -> Found:
    """What ``find`` finds for a key, remembered for the latest 1024 keys."""
    if key not in memory:
        memory[key] = find()
        if len(memory) > 1024:
            memory.popitem(last=False)
    return memory[key]


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
