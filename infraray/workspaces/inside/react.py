"""A small agent with a shell: it thinks, runs one command, reads the output, and so on (ReAct, Yao et al., 2023).

It is told its mission on standard input, asks its model over Chat Completions, and keeps the conversation in its HOME,
from which a further start continues it. What it does goes to standard output, one JSON object a line.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

SYSTEM = """You work in a shell on Linux. In each answer, say in a sentence or two what you want to find out or do, \
then give exactly one block with a command for bash:

```bash
ls -la
```

You are shown its output and exit code, and answer again. Each command starts in the same folder, in a new shell; \
what runs in the background (with its output sent to a file) keeps running. A command may take {timeout} seconds. \
Nobody else reads your answers or answers questions. When all of the work is done, answer with the single line \
FINISHED, without a block."""

BLOCK = re.compile(r"```(?:bash|sh|shell)?[ \t]*\r?\n(.*?)\r?\n?```", re.DOTALL)
FINISHED = re.compile(r"^\W*FINISHED\W*$", re.MULTILINE)
OUTPUT_CHARACTERS = 8000
MOST_MISSES = 3
"""Answers in a row without a command, after which it stops."""


def main() -> int:
    """Works until the model says that it is finished."""
    told = sys.stdin.read()
    path = os.path.join(os.environ["HOME"], "conversation.json")
    messages = load(path)
    timeout = int(os.environ["COMMAND_TIMEOUT_S"])
    if not messages:
        messages.append({"role": "system", "content": SYSTEM.format(timeout=timeout)})
    messages.append({"role": "user", "content": told})
    misses = 0
    while True:
        status, said = ask(messages)
        if status:
            tell(kind="error", status=status, text=said)
            return 1
        messages.append({"role": "assistant", "content": said})
        tell(kind="said", text=said)
        found = BLOCK.search(said)
        if found is None and (FINISHED.search(said) or misses + 1 >= MOST_MISSES):
            save(path, messages)
            tell(kind="end")
            return 0
        if found is None:
            misses += 1
            reply = "There was no block with a command. Give exactly one, or the line FINISHED."
        else:
            misses = 0
            output, code = run(found[1], timeout)
            tell(kind="command", command=found[1], output=output, exit_code=code)
            reply = f"Exit code {code}. Output:\n{output}"
        messages.append({"role": "user", "content": reply})
        save(path, messages)


def ask(messages: "list[dict[str, str]]") -> "tuple[int, str]":
    """The model's answer with status 0, or the server's refusal; turns that do not fit are forgotten, oldest first."""
    while True:
        body = {"model": os.environ["MODEL"], "messages": messages, "max_tokens": int(os.environ["MAX_TOKENS"])}
        request = urllib.request.Request(
            os.environ["BASE_URL"] + "/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as response:
                answer = json.load(response)
            return 0, answer["choices"][0]["message"].get("content") or ""
        except urllib.error.HTTPError as error:
            said = error.read(10_000).decode(errors="replace")
            if error.code not in (400, 413, 422) or len(messages) <= 4:
                return error.code, said
            del messages[2:4]  # the system's words and the mission stay
        except (OSError, ValueError, LookupError, TypeError) as error:
            return 599, f"{type(error).__name__}: {error}"


def run(command: str, timeout: int) -> "tuple[str, int]":
    """The output, cut in its middle, and the exit code of a command."""
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            ["/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = 124
        size = printed.seek(0, os.SEEK_END)
        half = OUTPUT_CHARACTERS // 2
        printed.seek(0)
        if size <= OUTPUT_CHARACTERS:
            return printed.read().decode(errors="replace"), code
        first = printed.read(half).decode(errors="replace")
        printed.seek(size - half)
        last = printed.read(half).decode(errors="replace")
    return f"{first}\n[{size - 2 * half} bytes left out]\n{last}", code


def load(path: str) -> "list[dict[str, str]]":
    """The conversation so far; empty at the first start, or where the file is no conversation."""
    try:
        with open(path) as file:
            return list(json.load(file))
    except (OSError, ValueError, TypeError):
        return []


def save(path: str, messages: "list[dict[str, str]]") -> None:
    """Keeps the conversation, as far as the disk takes it."""
    try:
        with open(path + ".new", "w") as file:
            json.dump(messages, file)
        os.replace(path + ".new", path)
    except OSError:
        pass


def tell(**event: object) -> None:
    """Prints an event."""
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main())
