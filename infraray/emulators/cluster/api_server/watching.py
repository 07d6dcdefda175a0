"""Watches: changes of one kind, as they happen, from a version on or after the objects that are there.

What all watchers of a change are sent alike is made once. A watch ends with its time, or when its client does not read.
"""

from __future__ import annotations

import asyncio
import random

from .errors import ApiError, FieldError, Object, expired, invalid_object, version_too_large
from .http_server import Connection, Request, framed
from .kind import Kind
from .listing import read_list_options
from .objects import Objects
from .selectors import Matches, read_selectors
from .store import Change, Stored, encode
from .tables import Form

BOOKMARK_S = 60.0
"""Seconds between bookmarks."""

LEAST_WATCH_S = 1800
"""Seconds after which a watch without a time of its own ends, at least; at most twice as many."""

INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}
"""Noted on the bookmark after the objects that were there; clients wait for it."""


class Watch:
    """One client's watch."""

    def __init__(
        self, objects: Objects, kind: Kind, namespace: str, matches: Matches | None, form: Form, connection: Connection
    ) -> None:
        self._objects = objects
        self._collection = objects[kind]
        self._kind = kind
        self._namespace = namespace
        self._matches = matches
        self._form = form
        self._connection = connection
        self._timers: list[asyncio.TimerHandle] = []

    def begin(self, initial: list[Stored], missed: list[Change], bookmarks: bool, noted: bool, seconds: float) -> None:
        """Sends what is there and what was missed, and from then on every change."""
        self._connection.begin_stream("application/json")
        loop = asyncio.get_running_loop()
        for stored in initial:
            if self._sees(stored):
                self._send(_event("ADDED", self._form.one(self._kind, stored)))
        if noted:
            self._bookmark(INITIAL_EVENTS_END)
        for change in missed:
            self._follow(change)
        self._collection.listeners[self] = self._follow
        self._connection.on_lost = self._stop
        self._timers = [loop.call_later(seconds, self._end, bookmarks)]
        if bookmarks:
            self._timers.append(loop.call_later(BOOKMARK_S, self._bookmark_again))

    def _sees(self, stored: Stored | None) -> bool:
        if stored is None or (self._namespace and stored.object["metadata"].get("namespace") != self._namespace):
            return False
        return self._matches is None or self._matches(stored.object)

    def _follow(self, change: Change) -> None:
        before, after = self._sees(change.before), self._sees(change.after)
        if not before and not after:
            return
        event = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
        cached = change.frames.get((event, self._form))
        if cached is None:
            stored = change.after if after else change.departed
            assert stored is not None
            cached = change.frames[event, self._form] = _event(event, self._form.one(self._kind, stored))
        self._send(cached)

    def _send(self, frame: bytes) -> None:
        if not self._connection.stream(frame):
            self._stop()

    def _bookmark(self, annotations: dict[str, str] | None = None) -> None:
        metadata: Object = {"resourceVersion": str(self._objects.versions.current)}
        if annotations:
            metadata["annotations"] = annotations
        self._send(_event("BOOKMARK", self._form.bookmark(self._kind, metadata)))

    def _bookmark_again(self) -> None:
        self._bookmark()
        if self._timers:
            self._timers[1] = asyncio.get_running_loop().call_later(BOOKMARK_S, self._bookmark_again)

    def _end(self, bookmark: bool) -> None:
        if bookmark:
            self._bookmark()
        self._stop()
        self._connection.end_stream()

    def _stop(self) -> None:
        self._collection.listeners.pop(self, None)
        for timer in self._timers:
            timer.cancel()
        self._timers = []


def _event(sort: str, body: bytes) -> bytes:
    return framed(b'{"type":"%b","object":%b}\n' % (sort.encode(), body))


def begin_watch(
    objects: Objects, kind: Kind, namespace: str, request: Request, connection: Connection, form: Form
) -> None:
    """Answers a request with a watch.

    Raises:
        ApiError: an option cannot be read or is refused.
    """
    options = read_list_options(request)
    matches = read_selectors(kind, options.label_selector, options.field_selector)
    bookmarks = request.parameter("allowWatchBookmarks") in ("true", "1")
    streams = request.parameter("sendInitialEvents")
    if streams:
        _check_streaming(kind, options.match)
    elif options.match:
        raise _refused(
            "resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        )
    seconds = request.parameter("timeoutSeconds")
    limit_s = float(seconds) if seconds.isdecimal() and int(seconds) else LEAST_WATCH_S * (1 + random.random())
    current = objects.versions.current
    if options.version is not None and options.version > current:
        raise version_too_large(options.version, current)
    watch = Watch(objects, kind, namespace, matches, form, connection)
    if streams in ("true", "1") or (not streams and not options.version):
        watch.begin(list(objects[kind]), [], bookmarks, bookmarks and bool(streams), limit_s)
        return
    missed = objects[kind].changes_since(current if options.version is None else options.version)
    if missed is None:
        connection.begin_stream("application/json")
        error = expired(f"too old resource version: {options.version} ({current})")
        connection.stream(_event("ERROR", encode(error.status())))
        connection.end_stream()
        return
    watch.begin([], missed, bookmarks, False, limit_s)


def _check_streaming(kind: Kind, match: str) -> None:
    if not kind.streams_lists:
        raise _refused("sendInitialEvents", "sendInitialEvents is forbidden for watch of a kind without a watch cache")
    if match != "NotOlderThan":
        raise _refused(
            "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        )


def _refused(field: str, detail: str) -> ApiError:
    error = FieldError(field, "FieldValueForbidden", f"Forbidden: {detail}")
    return invalid_object("meta.k8s.io", "ListOptions", "", [error])
