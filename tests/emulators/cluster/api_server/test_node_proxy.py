"""Logs and exec reach the agent of the pod's node, by real kubectl and by the Python client."""

from collections.abc import Iterator

import pytest
from kubernetes import client
from kubernetes.stream import stream

from tests.emulators.cluster.api_server.agent import Agent, running_agent
from tests.emulators.cluster.api_server.objects import node, pod
from tests.emulators.cluster.api_server.server import Server


@pytest.fixture(scope="module")
def agent(server: Server) -> Iterator[Agent]:
    with running_agent() as started:
        server.ask("POST", "/api/v1/nodes", node("one", started.port))
        server.ask("PATCH", "/api/v1/nodes/one/status", node("one", started.port), "application/merge-patch+json")
        server.ask("POST", "/api/v1/namespaces/default/pods", pod("web", nodeName="one"))
        two = [{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:1"}]
        server.ask("POST", "/api/v1/namespaces/default/pods", pod("two", nodeName="one", containers=two))
        yield started


def test_logs_come_from_the_agent(server: Server, agent: Agent) -> None:
    assert server.kubectl("logs", "web") == "first line\nsecond line\n"
    assert server.kubectl("logs", "web", "--tail=1") == "second line\n"
    assert agent.requests[-1] == "GET /containerLogs/default/web/web?tailLines=1"


def test_a_command_runs_with_its_output_and_status(server: Server, agent: Agent) -> None:
    assert server.kubectl("exec", "web", "--", "echo", "a  b") == "a  b\n"
    assert agent.requests[-1] == "GET /exec/default/web/web?command=echo&command=a++b&error=1&output=1"
    failed = server.kubectl("exec", "web", "--", "sh", "-c", "echo wrong >&2; exit 3", ok=False)
    assert failed.splitlines() == ["wrong", "command terminated with exit code 3"]


def test_a_command_reads_what_it_is_given(server: Server, agent: Agent) -> None:
    text = "some text\n" * 1000
    assert server.kubectl("exec", "-i", "web", "--", "sort", "-u", stdin=text) == "some text\n"


def test_the_python_client_runs_a_command(api_client: client.ApiClient, agent: Agent) -> None:
    running = stream(
        client.CoreV1Api(api_client).connect_get_namespaced_pod_exec,
        *("web", "default"),
        command=["echo", "hello"],
        stdout=True,
        stderr=True,
        _preload_content=False,
    )
    running.run_forever(timeout=10)
    assert (running.returncode, running.read_all()) == (0, "hello\n")
    running.sock.shutdown()  # its own close() leaves the socket open once the server has closed


def test_an_old_kubectl_is_refused_in_one_line(server: Server, agent: Agent) -> None:
    told = server.kubectl("exec", "web", "--", "ls", ok=False, KUBECTL_REMOTE_COMMAND_WEBSOCKETS="false")
    assert "only WebSocket" in told


def test_which_container_must_be_clear(server: Server, agent: Agent) -> None:
    told = server.ask("GET", "/api/v1/namespaces/default/pods/two/log").json
    assert told["message"] == "a container name must be specified for pod two, choose one of: [web side]"
    assert server.kubectl("logs", "two", "-c", "side") == "first line\nsecond line\n"
    assert "container no is not valid for pod two" in server.kubectl("logs", "two", "-c", "no", ok=False)


def test_a_pod_without_a_node_has_no_logs(server: Server) -> None:
    server.ask("POST", "/api/v1/namespaces/default/pods", pod("waits"))
    assert "pod waits does not have a host assigned" in server.kubectl("logs", "waits", ok=False)


def test_an_agent_that_does_not_answer_is_an_error_of_one_line(server: Server) -> None:
    server.ask("POST", "/api/v1/nodes", node("gone", 1))
    server.ask("PATCH", "/api/v1/nodes/gone/status", node("gone", 1), "application/merge-patch+json")
    server.ask("POST", "/api/v1/namespaces/default/pods", pod("lost", nodeName="gone"))
    told = server.ask("GET", "/api/v1/namespaces/default/pods/lost/log")
    assert (told.code, told.json["reason"]) == (500, "InternalError")
    assert "127.0.0.1:1" in told.json["message"]
    assert "127.0.0.1:1" in server.kubectl("exec", "lost", "--", "ls", ok=False)
