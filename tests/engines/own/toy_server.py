"""An OpenAI-compatible server of the standard library that says one word, once or as often as it must."""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
for flag in ("model", "host", "port"):
    parser.add_argument(f"--{flag}", required=True)
parser.add_argument("--word", default="0", help="what it says")
given = parser.parse_args()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(json.dumps({"data": [{"id": given.model}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        count = body["max_tokens"] if body.get("ignore_eos") else 1
        usage = {"prompt_tokens": 1, "completion_tokens": count}
        if not body.get("stream"):
            choice = {"message": {"role": "assistant", "content": given.word}, "finish_reason": "stop"}
            return self.answer(json.dumps({"choices": [choice], "usage": usage}))
        said = {"delta": {"content": f"{given.word} "}} if "messages" in body else {"text": f"{given.word} "}
        said = {"delta": {"content": given.word}} if "messages" in body and count == 1 else said
        events = [{"choices": [{"index": 0, "finish_reason": None, **said}]}] * count
        end = {"delta": {}} if "messages" in body else {"text": ""}
        events.append({"choices": [{"index": 0, "finish_reason": "length" if count > 1 else "stop", **end}]})
        events.append({"choices": [], "usage": usage})
        self.answer("".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n")

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if text.startswith("data:") else "application/json")
        self.end_headers()
        for line in text.splitlines(keepends=True):
            self.wfile.write(line.encode())

    def log_message(self, *_):
        pass


ThreadingHTTPServer((given.host, int(given.port)), Handler).serve_forever()
