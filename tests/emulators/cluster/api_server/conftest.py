from collections.abc import Iterator

import pytest
from kubernetes import client, config

from tests.emulators.cluster.api_server.server import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def namespace(server: Server, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own."""
    name = "-".join(part for part in request.node.name.lower().replace("_", "-").split("-"))
    name = "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in name)[:60].strip("-")
    answer = server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert answer.code == 201, answer.body
    return name


@pytest.fixture
def api_client(server: Server) -> Iterator[client.ApiClient]:
    """The official Python client."""
    with config.new_client_from_config(str(server.kubeconfig)) as made:
        yield made
        made.rest_client.pool_manager.clear()  # it leaves its connections open
