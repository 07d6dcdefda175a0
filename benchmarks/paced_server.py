"""A server that streams at a fixed pace and records when it really did: `python -m benchmarks.paced_server`.

Like an engine, it gives every request in flight one token per step. It prints its port, serves
until its standard input is closed, and then prints a JSON list of [request's number, received_s,
first_token_s], times of `time.perf_counter`, which all processes of a machine share.
"""

import json
import re
import select
import socket
import sys
import time

STEP_S = 0.02
FIRST_STEPS = 3
"""Steps to the first token: 40 to 60 ms."""

LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
TOKENS = re.compile(rb'"max_tokens": ?(\d+)')
NUMBER = re.compile(rb"request (\d+)")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(event: dict) -> bytes:
    """One event in chunked framing, of the size and with the fields that vLLM sends."""
    head = {"id": "cmpl-0123456789abcdef0123456789abcdef", "object": "text_completion", "created": 1700000000}
    data = b"data: " + json.dumps({**head, "model": "m", **event}, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def choice(text: str, reason: str | None) -> dict:
    return {"choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": reason, "stop_reason": None}]}


TOKEN, LAST = framed(choice(" one", None)), framed(choice(" one", "length"))


def end(tokens: int) -> bytes:
    usage = {"prompt_tokens": 2, "total_tokens": tokens + 2, "completion_tokens": tokens}
    return LAST + framed({"choices": [], "usage": usage}) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Stream:
    """An answer in progress."""

    __slots__ = ("left", "note", "send", "tokens", "wait")

    def __init__(self, connection: socket.socket, body: bytes) -> None:
        self.send = connection.send
        self.tokens = self.left = int(TOKENS.search(body)[1])
        self.wait = FIRST_STEPS
        number = NUMBER.search(body)
        self.note = [int(number[1]) if number else -1, time.perf_counter(), 0.0]

    def step(self) -> bool:
        """Sends the next token if it is due; returns whether it was the last."""
        if self.wait > 1:
            self.wait -= 1
            return False
        data = TOKEN if self.left > 1 else end(self.tokens)
        if self.wait:
            self.wait = 0
            self.note[2] = time.perf_counter()
            data = HEAD + data
        self.left -= 1
        try:
            self.send(data)
        except OSError:
            return True
        return self.left == 0


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    epoll.register(sys.stdin, select.EPOLLIN)
    connections: dict[int, tuple[socket.socket, bytearray]] = {}
    streams: dict[int, Stream] = {}
    notes: list[list] = []
    due = time.perf_counter() + STEP_S
    while True:
        for file, _ in epoll.poll(max(0.0, due - time.perf_counter())):
            if file == sys.stdin.fileno():
                print(json.dumps(notes), flush=True)
                return
            if file == listener.fileno():
                connection, _ = listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection, bytearray()
                epoll.register(connection, select.EPOLLIN)
                continue
            connection, received = connections[file]
            try:
                data = connection.recv(1 << 20)
            except ConnectionError:
                data = b""
            if not data:
                epoll.unregister(file)
                connection.close()
                del connections[file]
                streams.pop(file, None)
                continue
            received += data
            head = received.find(b"\r\n\r\n") + 4
            if received.startswith(b"GET") and head > 3:
                # vllm bench asks what else the server knows: nothing.
                connection.send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                received.clear()
            elif head > 3 and len(received) >= head + int(LENGTH.search(received)[1]):
                streams[file] = Stream(connection, bytes(received[head:]))
                notes.append(streams[file].note)
                received.clear()
        if time.perf_counter() >= due:
            due = max(due + STEP_S, time.perf_counter())
            for file in [file for file, stream in streams.items() if stream.step()]:
                del streams[file]


if __name__ == "__main__":
    main()
