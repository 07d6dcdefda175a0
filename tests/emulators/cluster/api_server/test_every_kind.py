"""What holds for every kind: it can be created, found, changed, watched and deleted."""

from typing import Any

import pytest

from tests.emulators.cluster.api_server.objects import EVERY
from tests.emulators.cluster.api_server.server import Server

pytestmark = pytest.mark.parametrize("path", EVERY, ids=lambda path: path.rpartition("/")[2])


@pytest.fixture
def place(path: str, namespace: str) -> str:
    return "/" + path.replace("NS", namespace)


def make(path: str, name: str) -> Any:
    return EVERY[path](name)


def test_an_object_lives(server: Server, path: str, place: str) -> None:
    created = server.ask("POST", place, make(path, "lives"))
    assert created.code == 201, created.body
    first = created.json
    assert first["kind"] and first["apiVersion"] and first["metadata"]["uid"]
    assert server.ask("GET", f"{place}/lives").json == first
    assert [item["metadata"]["name"] for item in server.ask("GET", place).json["items"]].count("lives") == 1

    labelled = server.ask(
        "PATCH", f"{place}/lives", {"metadata": {"labels": {"a": "b"}}}, "application/merge-patch+json"
    )
    assert labelled.code == 200, labelled.body
    second = labelled.json
    assert second["metadata"]["labels"]["a"] == "b"
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert second["metadata"].get("generation") == first["metadata"].get("generation")

    stale = server.ask("PUT", f"{place}/lives", first)
    assert (stale.code, stale.json["reason"]) == (409, "Conflict")
    same = server.ask("PUT", f"{place}/lives", second)
    assert (same.code, same.json) == (200, second), "nothing changed, so nothing was written"

    assert server.ask("DELETE", f"{place}/lives").code == 200
    events = server.watch(f"{place}?resourceVersion={int(first['metadata']['resourceVersion']) - 1}")
    ours = [event["type"] for event in events if event["object"]["metadata"]["name"] == "lives"]
    assert ours[0] == "ADDED" and ours[-1] == "DELETED" and set(ours[1:-1]) == {"MODIFIED"}
    gone = server.ask("GET", f"{place}/lives")
    assert (gone.code, gone.json["reason"]) == (404, "NotFound")


def test_its_table_has_a_cell_for_each_column(server: Server, path: str, place: str) -> None:
    assert server.ask("POST", place, make(path, "shown")).code == 201
    table = server.ask("GET", place, Accept="application/json;as=Table;v=v1;g=meta.k8s.io").json
    assert table["kind"] == "Table"
    for row in table["rows"]:
        assert len(row["cells"]) == len(table["columnDefinitions"])
        assert row["object"]["kind"] == "PartialObjectMetadata"
    names = [row["object"]["metadata"]["name"] for row in table["rows"]]
    assert "shown" in names
    server.ask("DELETE", f"{place}/shown")


def test_a_dry_run_stores_nothing(server: Server, path: str, place: str) -> None:
    tried = server.ask("POST", f"{place}?dryRun=All", make(path, "tried"))
    assert tried.code == 201 and tried.json["metadata"]["uid"]
    assert server.ask("GET", f"{place}/tried").code == 404


def test_a_name_is_taken_once(server: Server, path: str, place: str) -> None:
    assert server.ask("POST", place, make(path, "taken")).code == 201
    again = server.ask("POST", place, make(path, "taken"))
    assert (again.code, again.json["reason"]) == (409, "AlreadyExists")
    server.ask("DELETE", f"{place}/taken")
