"""Spans as a real receiver of OTLP over HTTP gets them."""

import builtins
import gzip
import json
import socket
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from infraray.errors import InfrarayError
from infraray.trajectories.episode_reader import read_episodes
from infraray.trajectories.exporters import otlp, otlp_receiver
from infraray.trajectories.exporters.export import export
from infraray.trajectories.exporters.otlp import Otlp
from infraray.trajectories.reader import Run
from infraray.trajectories.stored_episode import StoredEpisode
from tests.exporters.receiver import Answer, partial_success, receiving, values
from tests.exporters.runs import BREAKS_OFF, SCRIPTED, TALKER, play_run


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("ENDPOINT", "HEADERS", "COMPRESSION")
    for name in (*names, *(f"TRACES_{name}" for name in names)):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def send(run: Run, endpoint: str, **options) -> Otlp:
    with Otlp(run.manifest, endpoint, **options) as exporter:
        for row, steps in read_episodes(run):
            exporter.write(StoredEpisode(row, steps.read()))
    return exporter


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_episode_is_a_trace_of_genai_spans(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", f"{TALKER}?tools=true", seeds=1)
    with receiving() as receiver:
        said = export(run.path, "otlp", endpoint=receiver.url, quiet=True)
        assert said == f"1 episodes sent as 1 traces with 17 spans to {receiver.url}/v1/traces"
    row, steps = run.episodes().to_pylist()[0], run.steps().to_pylist()
    assert {trace for trace, _ in receiver.spans} == {row["episode_id"]}
    assert receiver.resources[0]["service.name"] == "infraray"

    (root,) = receiver.named("invoke_agent")
    assert root.parent_span_id == b""
    about = values(root.attributes)
    assert about["gen_ai.operation.name"] == "invoke_agent"
    assert about["gen_ai.agent.name"] == f"{TALKER}?tools=true"
    assert about["gen_ai.conversation.id"] == row["episode_id"]
    assert about["infraray.score"] == row["score"]
    assert about["infraray.seed"] == 0
    assert about["infraray.input_tokens"] == sum(range(101, 109))
    assert about["infraray.scenario"] == "load_balance"
    assert not any(name.startswith("gen_ai.usage") for name in about)

    chats = receiver.named("chat")
    assert [span.name for span in chats] == ["chat talker-1"] * 8
    for index, (span, step) in enumerate(zip(chats, steps, strict=True)):
        assert span.kind == Span.SPAN_KIND_CLIENT
        assert span.parent_span_id == root.span_id
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
        found = values(span.attributes)
        assert found["gen_ai.operation.name"] == "chat"
        assert found["gen_ai.provider.name"]
        assert found["gen_ai.request.model"] == "talker-1"
        assert found["gen_ai.usage.input_tokens"] == 101 + index
        assert found["gen_ai.usage.output_tokens"] == 7
        assert found["gen_ai.response.finish_reasons"] == ["stop"]
        assert found["infraray.step.valid"] == step["valid"]
        asked = json.loads(found["gen_ai.input.messages"])
        assert [message["role"] for message in asked][:4] == ["system", "user", "assistant", "user"]
        assert asked[-1]["parts"][0]["content"] == f"Now:\n{step['text_observation']}"
        (answer,) = json.loads(found["gen_ai.output.messages"])
        assert answer["finish_reason"] == "stop"
        assert answer["parts"][-1] == {"type": "text", "content": step["action_said"]}
        assert [part["type"] for part in answer["parts"]] == (["text"] if index % 2 else ["reasoning", "text"])

    tools = receiver.named("execute_tool")
    assert len(tools) == 8
    found = values(tools[0].attributes)
    assert found["gen_ai.operation.name"] == "execute_tool"
    assert found["gen_ai.tool.name"] == "calculator"
    assert json.loads(found["gen_ai.tool.call.arguments"]) == {"expression": "1 + 1"}
    assert found["gen_ai.tool.call.result"] == "2"
    assert tools[0].parent_span_id == root.span_id


def test_a_scripted_agents_steps_claim_no_model(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with receiving() as receiver:
        send(run, receiver.url)
    acts = receiver.named("act")
    assert len(acts) == 6
    for span, step in zip(acts, run.steps().to_pylist(), strict=True):
        found = values(span.attributes)
        assert found["infraray.step.action_said"] == step["action_said"]
        assert found["infraray.step.text_observation"] == step["text_observation"]
        assert not any(name.startswith("gen_ai") for name in found)


def test_an_episode_that_broke_off_is_an_error(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", BREAKS_OFF, seeds=1)
    with receiving() as receiver:
        send(run, receiver.url)
    (root,) = receiver.named("invoke_agent")
    assert root.status.code == Status.STATUS_CODE_ERROR
    assert root.status.message.startswith("RuntimeError: gone (tests/exporters/talker.py:")
    assert values(root.attributes)["error.type"] == "RuntimeError"


def test_exporting_twice_doubles_nothing(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, f"{TALKER}?tools=true")
    with receiving() as receiver:
        count = send(run, receiver.url).spans
        once = dict(receiver.spans)
        assert len(once) == count
        send(run, receiver.url)
        assert receiver.spans == once


def test_large_exports_go_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", TALKER)
    for limit, value in (("SPANS_AT_ONCE", 5), ("BYTES_AT_ONCE", 5000)):
        with receiving() as receiver, monkeypatch.context() as patch:
            patch.setattr(otlp, limit, value)
            exporter = send(run, receiver.url)
        assert len(receiver.requests) > 2
        assert len(receiver.spans) == exporter.spans == 18


def test_headers_and_endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with receiving() as receiver:
        send(run, f"{receiver.url}/api/public/otel", headers={"Authorization": "Basic abc"})
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{receiver.url}/base/")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-one=1,x-two=a%20b")
        export(run.path, "otlp", quiet=True)
    (first, sent), (second, from_environment) = receiver.requests
    assert (first, second) == ("/api/public/otel/v1/traces", "/base/v1/traces")
    assert sent["authorization"] == "Basic abc"
    assert (from_environment["x-one"], from_environment["x-two"]) == ("1", "a b")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_receiver_is_asked_again(tmp_path: Path, status: int) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with receiving() as receiver:
        receiver.statuses = [status, status]
        send(run, receiver.url, retry_waits_s=(0.01, 0.01))
        assert len(receiver.requests) == 3
        assert len(receiver.spans) == 7


def test_a_receiver_that_comes_back_gets_everything(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    port = unused_port()
    sending = threading.Thread(
        target=send, args=(run, f"http://127.0.0.1:{port}"), kwargs={"retry_waits_s": [0.1] * 50}
    )
    sending.start()
    sending.join(0.3)
    assert sending.is_alive()
    with receiving(port) as receiver:
        sending.join(10)
        assert len(receiver.spans) == 7


def test_a_receiver_that_stays_down_is_one_line(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with pytest.raises(InfrarayError) as error:
        send(run, f"http://127.0.0.1:{unused_port()}", retry_waits_s=(0.01, 0.01))
    assert "cannot be reached" in str(error.value)
    assert "refused" in str(error.value)
    assert "3 tries" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_refusal_is_told_at_once(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with receiving() as receiver:
        receiver.statuses = [401]
        with pytest.raises(InfrarayError, match="answered 401 Unauthorized; check --endpoint and --header"):
            send(run, receiver.url)
        assert len(receiver.requests) == 1
        receiver.rejects = 3
        with pytest.raises(InfrarayError, match="refused 3 spans: too many"):
            send(run, receiver.url)


HTML = b"<!doctype html><title>Sign in</title>"
NOT_DELIVERED = [
    (Answer(200, HTML, "text/html"), "answered 200 OK without an OTLP export response (text/html"),
    (Answer(200, HTML), "answered 200 OK without an OTLP export response"),
    (Answer(200, HTML, "application/json"), "answered 200 OK without an OTLP export response"),
    (Answer(200, b"", "text/plain"), "answered 200 OK without an OTLP export response"),
    (Answer(200, b"", None), "answered 200 OK without an OTLP export response (no content type, 0 bytes)"),
    (Answer(200, b"", "application/json"), "answered 200 OK without an OTLP export response"),
    (Answer.json(["ok"]), "answered 200 OK without an OTLP export response"),
    (Answer.json({"error": "unauthorized"}), "answered 200 OK without an OTLP export response"),
    (Answer.json({"partialSuccess": "all"}), "answered 200 OK without an OTLP export response"),
    (Answer.json({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}), "refused 2 spans: too old"),
    (Answer.json({"partial_success": {"rejected_spans": 2}}), "refused 2 spans: it gives no reason"),
    (Answer(200, partial_success(7, "quota\nspent")), "refused 7 spans: quota spent"),
    (Answer(202, partial_success(1, "full")), "refused 1 spans: full"),
    (Answer(204, b"", None), "answered 204 No Content without an OTLP export response"),
    (Answer(207), "answered 207 Multi-Status without an OTLP export response"),
    (Answer.json({"successes": [], "errors": [{"status": 400}]}, status=207), "answered 207 Multi-Status"),
    (Answer(299, HTML, "text/html"), "answered 299 without an OTLP export response"),
    *(
        (Answer(status, HTML, "text/html", {"Location": "/elsewhere"}), f"answered {status} ")
        for status in (301, 302, 303, 307, 308)
    ),
    (Answer(304, b"", None), "answered 304 Not Modified; give --endpoint its new place"),
    (Answer(400, HTML, "text/html"), "answered 400 Bad Request; check --endpoint and --header"),
]


@pytest.mark.parametrize(("answer", "reason"), NOT_DELIVERED)
def test_what_is_no_export_response_is_no_delivery(tmp_path: Path, answer: Answer, reason: str) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with receiving() as receiver:
        receiver.answers = [answer]
        with pytest.raises(InfrarayError) as error:
            export(run.path, "otlp", endpoint=receiver.url, quiet=True)
    assert reason in str(error.value)
    assert "0 spans were sent before" in str(error.value) and "\n" not in str(error.value)
    assert receiver.methods == ["POST"]


def test_a_redirect_tells_where_to(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with receiving() as elsewhere, receiving() as receiver:
        receiver.answers = [Answer(302, headers={"Location": f"{elsewhere.url}/v1/traces"})]
        with pytest.raises(InfrarayError, match=f"answered 302 Found; give --endpoint {elsewhere.url}/v1/traces"):
            send(run, receiver.url)
        assert elsewhere.methods == []
        receiver.answers = [Answer(307, headers={"Location": "/other/v1/traces"})]
        with pytest.raises(InfrarayError, match=f"give --endpoint {receiver.url}/other/v1/traces"):
            send(run, receiver.url)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(keeps=True),
        Answer(202, keeps=True),
        Answer(content_type="application/x-protobuf; charset=binary", keeps=True),
        Answer(body=partial_success(0), keeps=True),
        Answer.json({}, keeps=True),
        Answer.json({"partialSuccess": {}}, keeps=True),
        Answer.json({"partialSuccess": {"rejectedSpans": "0"}, "more": 1}, keeps=True),
        Answer.json({"message": "OK"}, keeps=True),
        Answer(
            body=gzip.compress(b"{}"), content_type="application/json", headers={"Content-Encoding": "gzip"}, keeps=True
        ),
    ],
)
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_an_export_response_is_a_delivery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, compression: str
) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    with receiving() as receiver:
        receiver.answers = [answer]
        said = export(run.path, "otlp", endpoint=receiver.url, quiet=True)
    assert said == f"1 episodes sent as 1 traces with 7 spans to {receiver.url}/v1/traces"
    assert len(receiver.spans) == 7
    assert receiver.requests[0][1].get("content-encoding") == (None if compression == "none" else "gzip")


def test_a_remark_of_the_receiver_is_told(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with receiving() as receiver:
        receiver.answers = [Answer(body=partial_success(0, "attributes\nwere cut"), keeps=True)]
        said = export(run.path, "otlp", endpoint=receiver.url, quiet=True)
    assert said.endswith("; the receiver says: attributes were cut")


def test_a_batch_that_is_too_large_goes_in_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", f"{TALKER}?tools=true", SCRIPTED)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    with receiving() as receiver:
        count = send(run, receiver.url).spans
        most = receiver.sizes[0] // 5
    with receiving() as receiver:
        receiver.most_bytes = most
        assert send(run, receiver.url).spans == count == len(receiver.spans)
        assert sum(size <= most for size in receiver.sizes) >= 5
    with receiving() as receiver:
        receiver.most_bytes = 100
        with pytest.raises(InfrarayError, match=r"accepts no request of \d+ bytes, the size of a single span") as error:
            send(run, receiver.url)
        assert "\n" not in str(error.value) and not receiver.spans


def test_batches_are_measured_in_bytes_and_not_in_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", "python:tests.exporters.test_otlp:says_much", seeds=2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    monkeypatch.setattr(otlp, "BYTES_AT_ONCE", 50_000)
    with receiving() as receiver:
        send(run, receiver.url)
    assert receiver.spans and max(receiver.sizes) <= 50_000
    assert len(receiver.sizes) == 4


def says_much(observation) -> str:
    return "界" * 5000 + ' {"server": 1}'


def test_bytes_stay_bytes(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    ((row, steps),) = read_episodes(run)
    step = {**steps.read()[0], "action_said": b"\xff\x00"}
    with receiving() as receiver:
        with Otlp(run.manifest, receiver.url) as exporter:
            exporter.write(StoredEpisode(row, [step]))
    (act,) = receiver.named("act")
    assert values(act.attributes)["infraray.step.action_said"] == b"\xff\x00"
    assert act.trace_id == bytes.fromhex(row["episode_id"]) and len(act.span_id) == 8


@pytest.mark.parametrize("in_words", [False, True])
@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_for_patience_gets_it_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, in_words: bool
) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    waited: list[float] = []
    monkeypatch.setattr(otlp_receiver.time, "sleep", waited.append)
    for asked, least, most in ((3, 1.5, 3.0), (0, 0.01, 0.01), (86_400, 60.0, 60.0)):
        waited.clear()
        said = formatdate(time.time() + asked, usegmt=True) if in_words else str(asked)
        with receiving() as receiver:
            receiver.answers = [Answer(status, headers={"Retry-After": said}), Answer(keeps=True)]
            send(run, receiver.url, retry_waits_s=(0.01, 0.01))
            assert len(receiver.spans) == 7
        assert len(waited) == 1 and least <= waited[0] <= most
    waited.clear()
    with receiving() as receiver:
        receiver.answers = [Answer(status, headers={"Retry-After": "86400"})]
        with pytest.raises(InfrarayError, match=rf"answered {status} .*, 3 tries"):
            send(run, receiver.url, retry_waits_s=(0.01, 0.01))
    assert waited == [60.0, 60.0]


def test_settings_of_the_environment_that_are_wrong_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    for name, value in (("COMPRESSION", "zstd"), ("ENDPOINT", "localhost:4318"), ("TRACES_ENDPOINT", "nowhere")):
        with monkeypatch.context() as patch:
            patch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
            with pytest.raises(InfrarayError, match=f"^OTEL_EXPORTER_OTLP_{name}.*{value}"):
                export(run.path, "otlp", quiet=True)


def test_without_opentelemetry_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    importing = builtins.__import__

    def without(name: str, *arguments, **options):
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return importing(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InfrarayError, match=r"pip install 'infraray\[otel\]'"):
        export(run.path, "otlp", quiet=True)
