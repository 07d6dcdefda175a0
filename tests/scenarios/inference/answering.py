"""A server that an agent may write, with the standard library alone: says a word as often as it is asked to."""

PROGRAM = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAUSE_S = float(os.environ.get("PAUSE_S", "0.001"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(json.dumps({"data": [{"id": "m"}]}).encode())

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        count = asked.get("max_tokens", 4)
        usage = {"prompt_tokens": 1, "completion_tokens": count}
        if not asked.get("stream"):
            said = {"text": "one " * count, "message": {"content": "one " * count}, "finish_reason": "length"}
            return self.reply(json.dumps({"choices": [said], "usage": usage}).encode())
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number in range(count):
            time.sleep(PAUSE_S)
            reason = "length" if number == count - 1 else None
            said = {"text": "one ", "delta": {"content": "one "}, "finish_reason": reason, "index": 0}
            self.event({"choices": [said]})
        self.event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\\n\\n")

    def event(self, document):
        self.wfile.write(b"data: " + json.dumps(document).encode() + b"\\n\\n")


print("serves", flush=True)
ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
"""
