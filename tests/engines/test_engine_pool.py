"""Engine actors and pools of them, with fake servers for engines."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray

from infraray.actors.engine import Engine, EngineStatus, resources, start_engine
from infraray.actors.engine_pool import PoolEndpoints, PoolStatus, start_engine_pool
from infraray.engines import EngineSpec
from infraray.engines.process import EngineProcess
from infraray.engines.supervisor import descendants
from infraray.errors import InfrarayError
from tests.engines.fakes import eventually, exists, fake_engine, listens, noted

pytestmark = pytest.mark.usefixtures("ray_session")


@contextmanager
def pool_of(spec: EngineSpec) -> Iterator[Any]:
    pool = start_engine_pool(spec)
    try:
        yield pool
    finally:
        ray.get(pool.stop.remote())
        ray.kill(pool)


def call(pool: Any, method: str, *arguments: Any) -> Any:
    return asyncio.run(getattr(PoolEndpoints(pool, EngineSpec(engine="url", url="http://unused")), method)(*arguments))


def status_of(pool: Any) -> PoolStatus:
    status: PoolStatus = ray.get(pool.status.remote())
    return status


def processes(status: EngineStatus) -> list[int]:
    assert status.pid is not None
    return [status.pid, *descendants(status.pid)]


def test_an_engine_is_restarted_as_often_as_allowed_and_then_says_why(tmp_path: Path) -> None:
    engine = start_engine(fake_engine("ready", tmp_path, max_restarts=1))
    first = ray.get(engine.start.remote())
    assert ray.get(engine.url.remote()) == first and listens(first)
    os.kill(noted(tmp_path)[0], signal.SIGKILL)
    assert eventually(lambda: ray.get(engine.status.remote()).restarts == 1)
    second = ray.get(engine.url.remote())
    assert listens(second) and not listens(first)
    assert "fake engine" in ray.get(engine.log_tail.remote())
    os.kill(next(filter(exists, noted(tmp_path))), signal.SIGKILL)
    assert eventually(lambda: ray.get(engine.status.remote()).state == "failed")
    with pytest.raises(InfrarayError, match=r"died: exit status 137.*gave up after 1 restarts"):
        ray.get(engine.url.remote())
    assert not any(map(exists, noted(tmp_path)))
    ray.kill(engine)


def test_a_stopped_engine_leaves_nothing() -> None:
    engine = start_engine(fake_engine())
    url = ray.get(engine.start.remote())
    pids = processes(ray.get(engine.status.remote()))
    ray.get(engine.stop.remote())
    assert not any(map(exists, pids)) and not listens(url)
    with pytest.raises(InfrarayError, match="stopped"):
        ray.get(engine.url.remote())
    ray.kill(engine)


@pytest.mark.parametrize("how", ["ray.kill", "kill -9"])
def test_an_engine_whose_actor_is_killed_leaves_nothing(tmp_path: Path, how: str) -> None:
    engine = start_engine(fake_engine("stubborn", tmp_path))
    url = ray.get(engine.start.remote())
    status = ray.get(engine.status.remote())
    assert eventually(lambda: len(noted(tmp_path)) == 3)
    pids = processes(status)
    assert len(pids) == 5
    if how == "ray.kill":
        ray.kill(engine)
    else:
        actor = int(Path(f"/proc/{status.pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(actor, signal.SIGKILL)
    assert eventually(lambda: not any(map(exists, pids))) and not listens(url)


def test_more_than_any_node_has_is_refused_at_once() -> None:
    with pytest.raises(InfrarayError, match="no node of the cluster has 8 GPUs"):
        start_engine(EngineSpec(model="m", num_gpus=8))


def test_what_nobody_foresaw_fails_the_start_in_one_line() -> None:
    with pool_of(fake_engine(env={"NA=ME": "b"})) as pool:
        with pytest.raises(InfrarayError, match=r"engine engine: ValueError: illegal environment variable name$"):
            ray.get(pool.start.remote(), timeout=60)


def test_a_server_that_cannot_be_killed_fails_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(process: EngineProcess) -> None:
        raise InfrarayError("process 5 cannot be killed")

    async def play() -> None:
        engine = Engine(fake_engine("ready", tmp_path))
        await engine.start()
        monkeypatch.setattr(EngineProcess, "end", end)
        os.kill(noted(tmp_path)[0], signal.SIGKILL)
        seen = await engine.status()
        while seen.state == "ready":
            seen = await asyncio.wait_for(engine.next_status(seen.version), 30)
        assert (seen.state, seen.url) == ("failed", "")
        with pytest.raises(InfrarayError, match=r"^process 5 cannot be killed$"):
            await engine.url()
        monkeypatch.undo()
        await engine.stop()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("flags", "gpus"),
    [
        ({}, 1),
        ({"tensor_parallel_size": None}, 1),
        ({"tensor_parallel_size": None, "tp": 2}, 2),
        ({"--tensor-parallel-size": "2", "pp_size": 3}, 6),
    ],
)
def test_a_replica_has_as_many_gpus_as_the_model_is_cut_into(
    flags: dict[str, Any], gpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"GPU": 8.0})
    assert resources(EngineSpec(model="m", flags=flags)) == (gpus, 1.0)


def test_an_engine_that_computes_on_the_cpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"GPU": 8.0})
    assert resources(EngineSpec(engine="onnx", model="m")) == (0, 1.0)
    assert resources(EngineSpec(engine="onnx", model="m", num_gpus=1)) == (1, 1.0)


@pytest.mark.parametrize("value", ["auto", 0, 1.5, True, [2]])
def test_a_number_of_parts_that_is_none_is_one_line(value: Any) -> None:
    with pytest.raises(InfrarayError) as refused:
        resources(EngineSpec(model="m", flags={"tensor-parallel-size": value}))
    assert f"engine engine: tensor-parallel-size={value!r}: must be a whole number of at least 1" in str(refused.value)
    assert "num_gpus" in str(refused.value) and "\n" not in str(refused.value)
    assert resources(EngineSpec(model="m", flags={"tensor-parallel-size": value}, num_gpus=2)) == (2, 1.0)


def test_conversations_spread_evenly_and_stay() -> None:
    with pool_of(fake_engine(replicas=2)) as pool:
        urls = ray.get(pool.start.remote())
        assert len(set(urls)) == 2
        given = {f"episode {number}": call(pool, "assign", f"episode {number}") for number in range(6)}
        assert sorted(list(given.values()).count(url) for url in urls) == [3, 3]
        assert all(call(pool, "assign", conversation) == url for conversation, url in given.items())
        left = [conversation for conversation, url in given.items() if url == urls[0]]
        for conversation in left:
            call(pool, "release", conversation)
        # Where there is room now is where the next ones go.
        assert [call(pool, "assign", f"later {number}") for number in range(3)] == [urls[0]] * 3
        # An answer that never came from a server that lives changes nothing.
        call(pool, "failed", "later 0", urls[0])
        assert call(pool, "assign", "later 0") == urls[0]


def test_a_lost_replicas_conversations_go_to_the_other_and_one_alone_is_waited_for(tmp_path: Path) -> None:
    with pool_of(fake_engine("ready", tmp_path, replicas=2)) as pool:
        urls = ray.get(pool.start.remote())
        given = {name: call(pool, "assign", name) for name in "abcd"}
        lost = given["a"]
        server = next(status for status in status_of(pool).replicas if status.url == lost)
        for pid in processes(server)[1:]:
            os.kill(pid, signal.SIGKILL)
        call(pool, "failed", "a", lost)
        assert call(pool, "assign", "a") == next(url for url in urls if url != lost)
        assert eventually(lambda: all(status.state == "ready" for status in status_of(pool).replicas))
        assert lost not in [status.url for status in status_of(pool).replicas]
    with pool_of(fake_engine("ready", tmp_path)) as pool:
        lost = call(pool, "assign", "a")
        os.kill(processes(status_of(pool).replicas[0])[-1], signal.SIGKILL)
        call(pool, "failed", "a", lost)
        again = call(pool, "assign", "a")
        assert again != lost and listens(again)


def test_an_actor_that_dies_is_replaced() -> None:
    with pool_of(fake_engine()) as pool:
        before = call(pool, "assign", "a")
        pid = status_of(pool).replicas[0].pid
        os.kill(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
        call(pool, "failed", "a", before)
        after = call(pool, "assign", "a")
        assert after != before and listens(after)
        assert eventually(lambda: not listens(before))


def test_replicas_follow_the_agents(tmp_path: Path) -> None:
    limits = {"min": 1, "max": 2, "conversations": 2}
    with pool_of(fake_engine(replicas=limits)) as pool:
        assert len(ray.get(pool.start.remote())) == 1
        for name in "abc":
            call(pool, "assign", name)
        assert eventually(lambda: [status.state for status in status_of(pool).replicas] == ["ready", "ready"])
        call(pool, "assign", "d")
        assert status_of(pool).conversations == (3, 1)
        for name in "efgh":
            call(pool, "assign", name)
        assert status_of(pool).conversations == (4, 4)
    assert len(status_of_spare_after_idle(limits)) == 1


def status_of_spare_after_idle(limits: dict[str, int]) -> list[EngineStatus]:
    """A pool in this process, whose patience with idle replicas is short."""
    from infraray.actors import engine_pool

    async def play() -> list[EngineStatus]:
        pool = engine_pool.EnginePool(fake_engine(replicas=limits))
        try:
            for name in "abc":
                await pool.assign(name)
            await asyncio.sleep(0)
            assert len((await pool.status()).replicas) == 2
            for name in "abc":
                await pool.release(name)
            for _ in range(200):
                if len(pool.replicas) == 1:
                    break
                await asyncio.sleep(0.05)
            return list((await pool.status()).replicas)
        finally:
            await pool.stop()

    patience, engine_pool.IDLE_S = engine_pool.IDLE_S, 0.5
    try:
        return asyncio.run(play())
    finally:
        engine_pool.IDLE_S = patience


def test_an_engine_that_cannot_start_is_told_to_everyone_who_waits() -> None:
    with pool_of(fake_engine("error")) as pool:
        for method, arguments in (("start", []), ("assign", ["a"])):
            with pytest.raises(InfrarayError, match="did not start: RuntimeError: the weights are made of cheese"):
                ray.get(getattr(pool, method).remote(*arguments))


def test_hundreds_that_wait_for_the_start_are_all_served_and_a_stopped_pool_serves_nobody() -> None:
    with pool_of(fake_engine(replicas=2)) as pool:
        given = ray.get([pool.assign.remote(str(number)) for number in range(500)])
        assert len(set(given)) <= 2
        assert sum(status_of(pool).conversations) == 500
        urls = [status.url for status in status_of(pool).replicas if status.url]
        ray.get(pool.stop.remote())
        assert not any(map(listens, urls))
        with pytest.raises(InfrarayError, match="the pool is stopped"):
            call(pool, "assign", "late")


def test_a_pool_that_is_killed_takes_its_engines_along_and_comes_back() -> None:
    with pool_of(fake_engine()) as pool:
        before = call(pool, "assign", "a")
        engine = Path(f"/proc/{status_of(pool).replicas[0].pid}")
        assert engine.exists()
        os.kill(ray.get(pool.pid.remote()), signal.SIGKILL)
        after = call(pool, "assign", "a")
        assert listens(after)
        assert eventually(lambda: not engine.exists() and not listens(before))
