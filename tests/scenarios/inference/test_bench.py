"""What a bench launches how: trials from one import, what counts as anybody would; and nothing is left."""

import json
import math
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infraray.engines.process import EngineProcess
from infraray.engines.supervisor import descendants
from infraray.engines.transformers import Transformers
from infraray.hardware.device_lock import DeviceLock
from infraray.scenarios.inference.bench import Bench
from infraray.scenarios.inference.objective import InferenceObjective
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.tune.objective import SearchRequest
from tests.engines.fakes import eventually, exists

SMALL = {"mem_fraction_static": 0.8}
SMALLER = {"mem_fraction_static": 0.85}
FAILS = {"mem_fraction_static": 0.9}


def server(bench: Bench) -> dict[str, Any]:
    """What the server that runs printed of itself."""
    assert bench.process is not None
    said: dict[str, Any] = json.loads(bench.process.log_tail())
    return said


def measured(bench: Bench, configuration: dict[str, Any], seed: int = 21, **how: Any) -> dict[str, Any]:
    trial = bench.evaluate(configuration, seed, **how)
    assert trial.failure is None
    return server(bench)


def test_a_reference_that_computes_otherwise_is_measured_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bench._reference_path(21)
    assert bench._reference_path(21) == before
    monkeypatch.setattr(Transformers, "parts", lambda self: ("tests.engines.fake_server",))  # another program
    assert bench._reference_path(21) != before


def test_trials_share_one_import(bench: Bench) -> None:
    first, second = measured(bench, SMALL), measured(bench, SMALLER)
    assert first["pid"] != second["pid"] and not exists(first["pid"])
    assert first["imported_by"] == second["imported_by"] not in (first["pid"], second["pid"])
    bench.stop()
    assert exists(first["imported_by"]) and measured(bench, SMALL)["imported_by"] == first["imported_by"]


def test_a_warm_bench_has_the_imports_and_nothing_that_runs(bench: Bench) -> None:
    bench.warm_up()
    assert bench.process is None
    warm = descendants(os.getpid())
    bench.warm_up()
    assert descendants(os.getpid()) == warm
    assert measured(bench, SMALL)["imported_by"] in warm


def test_a_first_start_that_fails_leaves_the_reason_to_the_trial(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.setting.flags, "sglang", FAILS)
    bench.warm_up()
    assert bench.process is None
    assert bench.evaluate({}, 21).failure is not None


def test_a_server_that_runs_is_used_again_for_requests_that_it_has_not_seen(bench: Bench) -> None:
    few = bench.requests(21, 2).requests
    assert len(few) == 2 and not {one.prompt for one in few} & {one.prompt for one in bench.requests(21).requests}
    first = measured(bench, SMALL, num_requests=2)
    assert measured(bench, SMALL)["pid"] == measured(bench, SMALL, 22)["pid"] == first["pid"]
    assert measured(bench, SMALL, num_requests=2)["pid"] != first["pid"]


def test_a_server_that_answers_some_requests_alone_has_failed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.setting.env, "ANSWERS", "5")
    trial = bench.evaluate(SMALL, 21)
    assert trial.failure is not None and "1 of 4 requests failed" in trial.failure
    assert math.isnan(trial.score) and bench.process is None


def test_requests_at_which_the_model_says_nothing_may_fail(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.setting.env, "SAYS", "5")
    assert len([one for one in bench.reference(21).responses if one.failure is None]) == 3
    measured(bench, SMALL)
    monkeypatch.setitem(bench.setting.env, "SAYS", "4")
    bench._references[22] = bench.reference(21)
    assert "2 of 4 requests failed" in str(bench.evaluate(SMALL, 22).failure)


def test_requests_that_the_reference_does_not_serve_may_not_fail(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.setting.env, "ANSWERS", "5")
    assert [one.failure for one in bench.reference(21).responses].count("refused") == 1
    failure = bench.evaluate(SMALL, 21).failure
    assert failure is not None and failure.startswith("1 of 4 requests failed: 1 refused; the first: HTTP 429: ")


def test_the_reference_has_the_time_that_it_takes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = bench.setting.workload.model_copy(update={"request_timeout_s": 1e-6})
    monkeypatch.setattr(bench, "setting", replace(bench.setting, workload=hasty))
    assert [one.failure for one in bench.reference(21).responses] == [None] * 4
    assert "4 of 4 requests failed: 4 timeout" in str(bench.evaluate(SMALL, 21).failure)


def test_answers_without_times_to_score_have_failed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    decoding = bench.setting.workload.model_copy(update={"objective": "tpot"})
    monkeypatch.setattr(bench, "setting", replace(bench.setting, workload=decoding))
    monkeypatch.setitem(bench.setting.env, "AT_ONCE", "1")
    trial = bench.evaluate(SMALL, 21)
    assert trial.failure == "no score for tpot: the answers came in one piece" and math.isnan(trial.score)


def test_a_reference_that_another_one_has_measured_meanwhile_is_taken(
    bench: Bench, parameters: InferenceParameters
) -> None:
    other = Bench(parameters.setting())
    try:
        with ThreadPoolExecutor(2) as threads:
            scores = {one.score for one in threads.map(lambda one: one.reference(21), (bench, other))}
        assert len(scores) == 1 and (bench.process is None) != (other.process is None)
    finally:
        other.close()


def test_what_the_installed_engine_does_not_know_is_not_launched(bench: Bench) -> None:
    trial = bench.evaluate({"attention_backend": "fa3"}, 21)
    assert trial.failure is not None and "attention_backend: the installed sglang has no such flag" in trial.failure
    assert bench.process is None


def test_a_watch_stands_around_the_load_alone(bench: Bench) -> None:
    seen = []

    @contextmanager
    def watching(process: EngineProcess) -> Iterator[None]:
        seen.append(process.healthy())
        yield
        seen.append(process.alive())

    measured(bench, SMALL, watching=watching)
    assert seen == [True, True]


def test_two_benches_of_one_process_do_not_measure_at_the_same_time() -> None:
    held: list[int] = []

    def hold(lock: DeviceLock) -> None:
        with lock.held(), lock.held():
            held.append(1)
            time.sleep(0.05)
            assert sum(held) == 1
            held.append(-1)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(hold, [DeviceLock() for _ in range(8)]))
    assert len(held) == 16


def test_what_is_submitted_is_started_plainly_with_empty_folders(bench: Bench) -> None:
    trial, submitted = measured(bench, SMALL), measured(bench, SMALL, clean=True)
    assert submitted["imported_by"] == submitted["pid"]
    own = [Path(submitted["temporary"]), Path(submitted["cache"])]
    assert trial["cache"] == "kept" and Path(trial["temporary"]) not in own
    assert all(folder.is_dir() and not list(folder.iterdir()) for folder in own)
    assert measured(bench, SMALL, clean=True)["cache"] != submitted["cache"]
    assert not any(folder.exists() for folder in own)


def test_the_reference_is_started_plainly(bench: Bench) -> None:
    bench.reference(21)
    measured_on = server(bench)
    assert measured_on["imported_by"] == measured_on["pid"] and measured_on["cache"] == "kept"
    bench.start_reference()
    assert server(bench) == measured_on


@pytest.mark.parametrize("victim", ["pid", "imported_by"])
def test_a_trial_after_a_death_is_measured(bench: Bench, victim: str) -> None:
    before = measured(bench, SMALL)
    os.kill(before[victim], signal.SIGKILL)
    assert eventually(lambda: bench.process is not None and not bench.process.alive())
    after = measured(bench, SMALL)
    assert (after["imported_by"] == before["imported_by"]) == (victim == "pid")


def test_a_launch_that_fails_says_the_same_as_a_plain_one(bench: Bench) -> None:
    assert measured(bench, SMALL)
    failures = [bench.evaluate(FAILS, 21, clean=clean).failure for clean in (False, True)]
    assert failures[0] == failures[1] is not None and failures[0].endswith(
        "RuntimeError: the weights are made of cheese"
    )
    assert bench.process is None


def test_an_engine_that_does_not_bear_it_is_started_plainly(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.setting.env, "NOT_WHEN_FORKED", "1")
    for configuration in (SMALL, SMALLER):
        said = measured(bench, configuration)
        assert said["imported_by"] == said["pid"]
    failed = bench.evaluate(FAILS, 21).failure
    assert failed is not None and failed.endswith("the weights are made of cheese")


def test_a_configuration_at_fault_does_not_make_all_starts_plain(bench: Bench) -> None:
    failed = bench.evaluate(FAILS, 21).failure
    assert failed is not None and failed.endswith("the weights are made of cheese")
    said = measured(bench, SMALL)
    assert said["imported_by"] != said["pid"]


@pytest.mark.parametrize("owner", ["bench", "objective"])
def test_after_the_close_nothing_is_left(parameters: InferenceParameters, owner: str) -> None:
    others = set(descendants(os.getpid()))
    if owner == "bench":
        bench = Bench(parameters.setting())
        measured(bench, SMALL)
        close = bench.close
    else:
        objective = InferenceObjective(
            SearchRequest("inference", None, parameters.model_dump(mode="json"), 1, (), (21,), (1337,))
        )
        assert objective.measure({**objective.space.default, **SMALL}, objective.seeds[0], 4).failure is None
        close = objective.close
    assert len(set(descendants(os.getpid())) - others) >= 5
    close()
    assert not set(descendants(os.getpid())) - others
    assert [path.suffix for path in Path(tempfile.gettempdir()).iterdir()] == [".lock"]
    close()


def test_a_close_in_another_thread_leaves_nothing_and_starts_nothing(bench: Bench) -> None:
    others = set(descendants(os.getpid()))
    measured(bench, SMALL)
    with ThreadPoolExecutor(1) as threads:
        step = threads.submit(lambda: [bench.evaluate(SMALL, 21, clean=True).failure for _ in range(20)])
        time.sleep(1.0)
        bench.close()
        assert step.result()[-1] == "inference: the bench is closed"
    assert not set(descendants(os.getpid())) - others
