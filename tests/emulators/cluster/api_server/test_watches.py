"""Watches and lists: streaming lists, the fall-back to list and watch, bookmarks, versions, pieces."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from infraray.emulators.cluster.api_server.store import MOST_CHANGES
from tests.emulators.cluster.api_server.objects import LABELS, config_map, pod
from tests.emulators.cluster.api_server.server import Server


def send_at_once(server: Server, path: str, patches: list[Any]) -> None:
    """Sends merge patches without waiting for their answers, and then waits for all."""
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as stream, stream.makefile("rb") as file:
        for patch in patches:
            body = json.dumps(patch).encode()
            head = f"PATCH {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/merge-patch+json\r\n"
            stream.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        stream.shutdown(socket.SHUT_WR)
        assert file.read().count(b"HTTP/1.1 200 OK") == len(patches)


STREAMING = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class Watching:
    """A watch that is read event by event."""

    def __init__(self, server: Server, path: str, accept: str = "application/json") -> None:
        url = urlsplit(server.url)
        self.socket = socket.create_connection((url.hostname, url.port), timeout=10)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\n\r\n".encode())
        assert b" 200 " in self.file.readline()
        while self.file.readline().strip():
            pass

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()
        self.socket.close()

    def next(self) -> Any:
        size = int(self.file.readline(), 16)
        event = json.loads(self.file.read(size))
        assert self.file.readline() == b"\r\n"
        return event

    def take(self, count: int) -> list[tuple[str, str]]:
        events = [self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


@pytest.fixture
def place(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def label(server: Server, path: str, **labels: str | None) -> None:
    patch = {"metadata": {"labels": labels}}
    assert server.ask("PATCH", path, patch, "application/merge-patch+json").code == 200


def test_a_streaming_list_ends_with_the_annotated_bookmark_and_goes_on(server: Server, place: str) -> None:
    for name in ("b", "a"):
        server.ask("POST", place, pod(name))
    with Watching(server, f"{place}?watch=true&{STREAMING}") as watching:
        assert watching.take(2) == [("ADDED", "a"), ("ADDED", "b")]
        bookmark = watching.next()
        assert bookmark["type"] == "BOOKMARK"
        assert (bookmark["object"]["kind"], bookmark["object"]["apiVersion"]) == ("Pod", "v1")
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert (
            bookmark["object"]["metadata"]["resourceVersion"]
            == server.ask("GET", place).json["metadata"]["resourceVersion"]
        )
        server.ask("POST", place, pod("c"))
        assert watching.take(1) == [("ADDED", "c")]


def test_kinds_without_a_watch_cache_refuse_to_stream_and_clients_fall_back(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/events"
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "Started"}
    server.ask("POST", place, event)
    refused = server.ask("GET", f"{place}?watch=true&{STREAMING}")
    assert (refused.code, refused.json["reason"]) == (422, "Invalid")
    told = server.kubectl("wait", "-n", namespace, "--for=jsonpath={.reason}=Started", "event/e", "--timeout=5s")
    assert "condition met" in told


@pytest.mark.parametrize("query", ["sendInitialEvents=true", "resourceVersionMatch=NotOlderThan&resourceVersion=1"])
def test_options_that_do_not_fit_are_refused(server: Server, place: str, query: str) -> None:
    refused = server.ask("GET", f"{place}?watch=true&{query}")
    assert (refused.code, refused.json["reason"]) == (422, "Invalid")


def test_a_watch_follows_its_selector(server: Server, place: str) -> None:
    with Watching(server, f"{place}?watch=true&labelSelector=on%3Dyes&resourceVersion=1") as watching:
        server.ask("POST", place, pod("a"))
        label(server, f"{place}/a", on="yes")
        assert watching.take(1) == [("ADDED", "a")]
        label(server, f"{place}/a", other="x")
        assert watching.take(1) == [("MODIFIED", "a")]
        label(server, f"{place}/a", on=None)
        event = watching.next()
        assert event["type"] == "DELETED" and event["object"]["metadata"]["labels"]["on"] == "yes"
        current = server.ask("GET", f"{place}/a").json["metadata"]["resourceVersion"]
        assert event["object"]["metadata"]["resourceVersion"] == current


def test_a_watch_of_one_name_sees_only_that(server: Server, place: str) -> None:
    with Watching(server, f"{place}?watch=true&fieldSelector=metadata.name%3Db&resourceVersion=1") as watching:
        for name in ("a", "b"):
            server.ask("POST", place, pod(name))
        server.ask("DELETE", f"{place}/b")
        assert watching.take(2) == [("ADDED", "b"), ("DELETED", "b")]


def test_a_watch_of_tables_sends_tables(server: Server, place: str) -> None:
    with Watching(server, f"{place}?watch=true", TABLE) as watching:
        server.ask("POST", place, pod("a"))
        table = watching.next()["object"]
        assert (table["kind"], table["rows"][0]["cells"][:3]) == ("Table", ["a", "0/1", "Pending"])
        assert table["rows"][0]["object"]["metadata"]["name"] == "a"


def test_a_watch_ends_in_its_time_with_a_bookmark(server: Server, place: str) -> None:
    events = server.watch(f"{place}?allowWatchBookmarks=true&resourceVersion=1")
    assert [event["type"] for event in events] == ["BOOKMARK"]


def test_a_forgotten_version_is_expired(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps"
    version = server.ask("POST", place, config_map("busy", n="0")).json["metadata"]["resourceVersion"]
    piece = server.ask("GET", "/api/v1/configmaps?limit=1").json["metadata"]["continue"]
    send_at_once(server, f"{place}/busy", [{"data": {"n": str(number)}} for number in range(1, MOST_CHANGES + 10)])
    events = server.watch(f"{place}?resourceVersion={version}")
    assert [(event["type"], event["object"]["code"]) for event in events] == [("ERROR", 410)]
    for query in (f"continue={piece}", f"resourceVersion={version}&resourceVersionMatch=Exact"):
        assert server.ask("GET", f"/api/v1/configmaps?{query}").json["reason"] == "Expired"


def test_a_version_that_is_not_there_yet_is_told(server: Server, place: str) -> None:
    told = server.ask("GET", f"{place}?resourceVersion=999999999").json
    assert (told["code"], told["reason"]) == (504, "Timeout")
    assert told["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


def test_a_list_in_pieces_is_of_one_version(server: Server, place: str) -> None:
    for number in range(7):
        server.ask("POST", place, pod(f"p{number}"))
    first = server.ask("GET", f"{place}?limit=3").json
    assert first["metadata"]["remainingItemCount"] == 4
    server.ask("DELETE", f"{place}/p5")
    server.ask("POST", place, pod("p55"))
    label(server, f"{place}/p4", new="yes")
    names, metadata = [item["metadata"]["name"] for item in first["items"]], first["metadata"]
    while "continue" in metadata:
        piece = server.ask("GET", f"{place}?limit=3&continue={metadata['continue']}").json
        assert piece["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        assert not any("new" in item["metadata"]["labels"] for item in piece["items"])
        names += [item["metadata"]["name"] for item in piece["items"]]
        metadata = piece["metadata"]
    assert names == [f"p{number}" for number in range(7)]
    assert server.ask("GET", f"{place}?continue=nonsense").code == 400


def test_metadata_alone_can_be_asked_for(server: Server, place: str) -> None:
    server.ask("POST", place, pod("a"))
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    found = server.ask("GET", place, Accept=accept).json
    assert found["kind"] == "PartialObjectMetadataList"
    assert set(found["items"][0]) == {"kind", "apiVersion", "metadata"}
    assert found["items"][0]["metadata"]["labels"] == LABELS


def test_what_cannot_be_sent_is_not_acceptable(server: Server, place: str) -> None:
    assert server.ask("GET", place, Accept="application/vnd.kubernetes.protobuf").code == 406


def test_yaml_can_be_asked_for(server: Server, place: str) -> None:
    answer = server.ask("GET", place, Accept="application/yaml")
    assert answer.body.startswith(b"kind: PodList")
