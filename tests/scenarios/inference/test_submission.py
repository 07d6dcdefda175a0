"""What is submitted is looked at while it is measured and while it is probed, on real servers that stream one word."""

import json
import math
import re
import socket
from collections.abc import Iterator

import pytest

from infraray.engines.sglang import SgLang
from infraray.scenarios.inference import submission as module
from infraray.scenarios.inference.bench import Bench
from infraray.scenarios.inference.integrity import connection_watch
from infraray.scenarios.inference.integrity.probes import ask_probes
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.reference import Reference
from infraray.scenarios.inference.scoring import SubmissionStatus
from infraray.scenarios.inference.submission import Submission, submit
from tests.openai_server import Server
from tests.scenarios.inference.conftest import COMMAND

SEED = 13


@pytest.fixture
def offloading(parameters: InferenceParameters, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The bench with an engine that may offload; its reference stays as it is."""
    monkeypatch.setattr(SgLang, "command", (*COMMAND, "--offloads"))
    return bench


@pytest.fixture
def elsewhere() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def submitted(bench: Bench, judged_by: str | None = None) -> Submission:
    return submit(bench, bench.setting.space.default, SEED, judged_by)


def test_a_server_that_asks_elsewhere_for_the_workload_alone_is_seen(
    offloading: Bench, elsewhere: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(offloading.setting.env, "OFFLOAD_TO", str(elsewhere))
    result = submitted(offloading)
    assert result.integrity is not None, result.reason
    found = [finding for finding in result.integrity.findings if finding.check == "connections"]
    assert found and "while it was measured" in found[0].evidence and f":{elsewhere}" in found[0].evidence


def test_a_server_that_asks_nobody_is_watched_in_both_phases(offloading: Bench, elsewhere: int) -> None:
    result = submitted(offloading)
    assert result.integrity is not None and "connections" not in {one.check for one in result.integrity.findings}
    assert "probed" not in result.integrity.not_checked.get("connections", "")


def test_a_watch_that_dies_while_the_server_is_measured_is_no_pass(
    offloading: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(watch: connection_watch.ConnectionWatch) -> connection_watch.ConnectionWatch:
        enter(watch)
        watch._process.kill()
        return watch

    enter = connection_watch.ConnectionWatch.__enter__
    monkeypatch.setattr(connection_watch.ConnectionWatch, "__enter__", dying)
    result = submitted(offloading)
    assert result.integrity is not None and "connections" in result.integrity.not_checked
    assert not result.passed and result.score == 1.0


def test_a_server_that_hangs_after_its_load_does_not_pass_and_does_not_block(
    offloading: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(offloading.setting.env, "HANGS", "1")
    monkeypatch.setattr(module, "ask_probes", lambda *asked: ask_probes(*asked, time_limit_s=1.0))
    result = submitted(offloading)
    assert result.speedup > 0 and not result.passed and "\n" not in result.reason
    assert re.match(r"quality: .+; integrity: .*canary not checked: ", result.reason), result.reason
    assert result.integrity is not None and "canary" in result.integrity.not_checked


def test_a_judge_that_says_nothing_of_use_stands_in_the_record(bench: Bench) -> None:
    with Server("It seems fine to me.") as server:
        result = submitted(bench, f"chat:judge@{server.url}?max_retries=0")
    told = json.loads(json.dumps(result.to_json()))
    assert "no verdict" in told["integrity"]["not_checked"]["judge"]
    assert told["integrity"]["judgement"]["answer"] == "It seems fine to me."
    assert told["outcome"] == SubmissionStatus.QUALITY_FAILED and told["score"] == 1.0


def test_a_server_that_serves_nothing_is_a_failed_server(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.setting.env, "ANSWERS", "0")
    monkeypatch.setattr(bench, "reference", lambda seed: Reference(1.0, (), None))
    result = submitted(bench)
    assert math.isnan(result.speedup) and result.outcome is SubmissionStatus.SERVER_FAILED and result.score == 1.0
