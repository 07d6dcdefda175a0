"""An engine with a worker process, as large ones have: python -m engine --port PORT [--set-for-workers X | --fail].

With --set-for-workers-of-workers Y its worker has a worker of its own.

Answers with what it and its worker say of themselves. Its end is not asked for in vain, unless --stubborn.
"""

import argparse
import http.server
import json
import multiprocessing
import os
import random
import signal
import sys
import time

import imports


def about(folder: str | None) -> dict[str, object]:
    numpy = sys.modules.get("numpy")
    if folder is not None:
        open(os.path.join(folder, str(os.getpid())), "w").close()
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "group": os.getpgid(0),
        "imported_by": imports.BY,
        "imported_under": imports.UNDER,
        "variable": os.environ.get("SET_FOR_WORKERS"),
        "arguments": sys.argv[1:],
        "folder": os.getcwd(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "random": [random.random(), numpy and numpy.random.random()],
    }


def work(results: multiprocessing.Queue, folder: str | None, stubborn: bool, set_below: str | None) -> None:
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    results.put(about(folder))
    if set_below is not None:
        os.environ["SET_FOR_WORKERS_OF_WORKERS"] = set_below
        below = multiprocessing.get_context("spawn").Process(target=work, args=(results, folder, stubborn, None))
        below.start()
    time.sleep(600)


class Handler(http.server.BaseHTTPRequestHandler):
    answer = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--folder")
    parser.add_argument("--set-for-workers")
    parser.add_argument("--set-for-workers-of-workers")
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--fail", action="store_true")
    given = parser.parse_args()
    if given.fail:
        raise RuntimeError("the weights are made of cheese")
    if given.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = about(given.folder)
    if given.set_for_workers is not None:
        os.environ["SET_FOR_WORKERS"] = given.set_for_workers
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    set_below = given.set_for_workers_of_workers
    # One that is to have processes of its own must not be a daemon.
    worker = context.Process(
        target=work, args=(results, given.folder, given.stubborn, set_below), daemon=set_below is None
    )
    worker.start()
    worker_says = results.get()
    below_says = None if set_below is None else results.get()
    brief = context.Process(target=sys.exit, args=(7,))
    brief.start()
    brief.join()
    said = {"server": server, "worker": worker_says, "below": below_says, "exit_code": brief.exitcode}
    Handler.answer = json.dumps(said).encode()
    http.server.ThreadingHTTPServer(("127.0.0.1", given.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
