"""Events are read as the HTML standard has them, however the bytes are cut into pieces."""

import json

from hypothesis import given
from hypothesis import strategies as st

from infraray.protocol.documents import Documents
from infraray.protocol.server_sent_events import EventReader


def by_the_standard(stream: bytes) -> list[tuple[str, bytes]]:
    """The algorithm of 9.2.6, step by step on the whole text: type and data of each event."""
    text = stream.decode("utf-8-sig" if stream.startswith(b"\xef\xbb\xbf") else "utf-8")
    lines, line, position = [], "", 0
    while position < len(text):
        if text[position] in "\r\n":
            position += 1 + (text[position : position + 2] == "\r\n")
            lines.append(line)
            line = ""
        else:
            line += text[position]
            position += 1
    events, data, kind = [], None, ""
    for line in lines:  # what stands after the last end of a line is discarded
        if line == "":
            if data is not None:
                events.append((kind, data.removesuffix("\n").encode()))
            data, kind = None, ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                data = (data or "") + value + "\n"
            elif field == "event":
                kind = value
    return events


LINES = st.sampled_from(
    "data: a|data:b|data|data:|data:  two|: ping|:|event: error|id: 7|retry: 9|x|\ufeffdata: c|data : no|Data: no"
    "|data: \N{GRINNING FACE}|event|||".split("|")
)


@given(st.booleans(), st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"]))), st.data())
def test_any_stream_in_any_pieces_gives_the_standards_events(mark, lines, data):
    stream = b"\xef\xbb\xbf" * mark + "".join(line + end for line, end in lines).encode() + b"data: cut off"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, events = EventReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        events += reader.feed(stream[start:end])
    assert [(event.name, b"\n".join(event.data)) for event in events] == by_the_standard(stream)
    assert [event.end for event in events] == sorted(event.end for event in events)
    for number, event in enumerate(events):  # an event is there as soon as its empty line has begun to end
        assert len(EventReader().feed(stream[: event.end])) == number + 1


def test_a_line_without_an_end_takes_time_in_proportion():
    reader = EventReader()
    for _ in range(20_000):
        assert reader.feed(b"[" * 500) == []
    assert reader.feed(b"\n\n") == []  # no field of this name


def documents(body: bytes, size: int = 7) -> list[object]:
    found, reader = [], Documents()
    for start in range(0, len(body), size):
        found += [document for document, _ in reader.feed(body[start : start + size])]
    return found + [document for document, _ in reader.close()]


@given(st.sampled_from([1, 2, 5, 1000]))
def test_what_a_body_is_shows_in_its_first_byte(size):
    a, b = {"a": [1, 2]}, {"b": "\n"}
    for body in (json.dumps(a), " \r\n" + json.dumps(a, indent=1), "\ufeff" + json.dumps(a)):
        assert documents(body.encode(), size) == [a]
    for body in (
        f"data: {json.dumps(a)}\n\ndata:{json.dumps(b)}\n\n",
        f"\n\n: hello\n\nevent: ping\ndata: still here\n\ndata: {json.dumps(a)}\r\r{'data:' + json.dumps(b)}\n\n",
        f"data:\n\ndata: {json.dumps(a)}\n\ndata\n\ndata: {json.dumps(b)}\n\ndata: [DONE]\n\ndata: {json.dumps(a)}\n\n",
        "".join(f"data: {line}\n" for line in json.dumps(a, indent=1).splitlines()) + f"\ndata: {json.dumps(b)}\n\n",
        f"data: {json.dumps(a)}\ndata: {json.dumps(b)}\ndata: [DONE]\n\n",
        f"data: {json.dumps(a)}\n\ndata: {json.dumps(b)}\n",
        f"data: {json.dumps(a)}\n\ndata: {json.dumps(b)}\n\ndata: {{\n",
    ):
        assert documents(body.encode(), size) == [a, b]
