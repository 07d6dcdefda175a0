"""An environment that dies, hangs or fails costs what it was lent for, and nothing else."""

import asyncio
import os
import signal

import pytest

from infraray.errors import InfrarayError
from infraray.training.hosts import EnvironmentLost, Hosts
from infraray.training.task import TrainingTask

TASK = TrainingTask(scenario="load_balance", seed=3, max_steps=8, parameters={"warmup_steps": 2})


async def end_of_life(host, answer="0"):
    await host.begin(TASK, 1)
    os.kill(await host.process(), signal.SIGKILL)
    await host.step(answer)


def test_an_episode_is_played_in_a_process_of_its_own_that_serves_again(ray_session):
    hosts = Hosts(answer_s=60)

    async def play():
        seen = []
        for _ in range(2):
            async with hosts.one() as host:
                begun = await host.begin(TASK, 1)
                observation, steps = begun.observation, 0
                while observation is not None:
                    observation = await host.step('{"server": 1}')
                    steps += 1
                played, _ = await host.end(None)
                seen.append((await host.process(), steps, played.measures.score))
        return seen

    first, second = asyncio.run(play())
    assert first == second and first[0] != os.getpid() and first[1] == 8


def test_a_host_that_dies_is_counted_and_not_used_again(ray_session):
    hosts = Hosts(answer_s=60)

    async def play():
        with pytest.raises(EnvironmentLost, match=r"^died: "):
            async with hosts.one() as host:
                await end_of_life(host)
        async with hosts.one() as host:
            await host.begin(TASK, 1)

    asyncio.run(play())
    assert hosts.lost == {"died": 1}


def test_a_host_that_hangs_is_given_up_while_others_go_on(ray_session):
    hosts = Hosts(answer_s=20)

    async def hang():
        async with hosts.one() as host:
            await host.begin(TASK, 1)
            host.answer_s = 1.0
            # Stopped, not dead: nobody answers.
            os.kill(await host.process(), signal.SIGSTOP)
            await host.step("0")

    async def play():
        async with hosts.one() as host:
            await host.begin(TASK, 1)
            return await host.step('{"server": 1}')

    async def both():
        return await asyncio.gather(hang(), play(), return_exceptions=True)

    hung, observation = asyncio.run(both())
    assert isinstance(hung, EnvironmentLost) and str(hung) == "hung: no answer to step in 1 s"
    assert "text_observation" in observation
    assert hosts.lost == {"hung": 1}


def test_a_task_that_cannot_be_played_is_the_callers_to_put_right(ray_session):
    async def play():
        async with Hosts(answer_s=60).one() as host:
            await host.begin(TASK.model_copy(update={"parameters": {"num_servers": 0}}), 1)

    with pytest.raises(InfrarayError, match=r"^load_balance: num_servers=0: "):
        asyncio.run(play())


def test_an_environment_that_fails_is_lost_with_its_reason(ray_session):
    async def play():
        async with Hosts(answer_s=60).one() as host:
            await host.begin(TASK, 1)
            await host.end("tokens")
            await host.step("0")

    with pytest.raises(EnvironmentLost, match=r"^failed: "):
        asyncio.run(play())


def test_many_wait_at_once_without_blocking_the_event_loop(ray_session):
    """While one host is stopped, the loop's other work goes on."""
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def play():
        ticking = asyncio.create_task(tick())
        hosts = Hosts(answer_s=60)
        async with hosts.one() as host:
            await host.begin(TASK, 1)
            process = await host.process()
            os.kill(process, signal.SIGSTOP)
            before = ticks
            answer = asyncio.create_task(host.step('{"server": 1}'))
            await asyncio.sleep(1.0)
            assert ticks - before > 20
            os.kill(process, signal.SIGCONT)
            await answer
        ticking.cancel()

    asyncio.run(play())
