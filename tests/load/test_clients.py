"""Clients as Ray actors: they start wherever the cores are taken, and share a load rightly."""

import socket
from pathlib import Path

import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from infraray.errors import InfrarayError
from infraray.load import clients as module
from infraray.load.generator import Load
from infraray.load.target import Target
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Workload
from tests.load.tokenizers_on_the_spot import make_words

NOWHERE = Target(socket.AF_INET, ("127.0.0.1", 1), "nowhere", "/")


def test_clients_need_no_place_in_the_group_of_the_trial_that_makes_them(ray_session: None, tmp_path: Path) -> None:
    folder = str(make_words(tmp_path))
    # As Ray Tune has it: a trial is in a group without a core to spare, and what it starts is to fit in there too.
    group = placement_group([{"memory": 1}])
    try:
        strategy = PlacementGroupSchedulingStrategy(group, placement_group_capture_child_tasks=True)

        def trial() -> str:
            with module.load_clients(2, NOWHERE, ModelTokenizer(folder), True):
                return "ready"

        started = ray.remote(num_cpus=0, scheduling_strategy=strategy)(trial).remote()
        assert ray.get(started, timeout=60) == "ready"
    finally:
        remove_placement_group(group)


def test_clients_start_where_every_core_is_taken(ray_session: None, tmp_path: Path) -> None:
    tokenizer = ModelTokenizer(make_words(tmp_path))

    @ray.remote(num_cpus=ray.cluster_resources()["CPU"])
    class Busy:
        def ready(self) -> None: ...

    busy = Busy.remote()
    ray.get(busy.ready.remote(), timeout=60)
    with module.load_clients(3, NOWHERE, tokenizer, True) as play:
        assert play(Load((), ()), ()) == []
    ray.kill(busy)


def test_clients_that_do_not_start_are_one_line_in_time(
    ray_session: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READY_S", 0.01)
    with pytest.raises(InfrarayError, match=r"^load: 2 clients were not ready after 0.01 s; lower the "):
        with module.load_clients(2, NOWHERE, ModelTokenizer(make_words(tmp_path)), True):
            pass


def test_without_ray_one_sends_all_and_more_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    many = Workload.parse("inference", {"num_requests": 2000})
    assert module.clients_needed(many) == 1
    with pytest.raises(InfrarayError, match=r"^load: 2 clients run as Ray actors; connect to a cluster first"):
        with module.load_clients(2, NOWHERE, ModelTokenizer(make_words(tmp_path)), True):
            pass
