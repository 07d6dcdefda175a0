"""A run of single-turn chats beside other harnesses: `python -m benchmarks.harness`.

All play 5000 requests of one turn against a local server that answers at once, with equally many under way.
Prints processor seconds, wall seconds and peak memory of each command's whole process tree, from its start to its
end. The server has a process of its own that is not counted; it counts the requests, so that a harness that asks
less than it should is an error. What each is and writes, with its own defaults:

- ours: `infraray run` on a scenario of one step, which starts Ray and two workers; reads streams; stores every
  episode with its prompt, answer and times, and shows and writes the report;
- inspect_ai: `inspect eval`; reads whole answers; its `.eval` log has every sample with its events;
- verifiers: `SingleTurnEnv.evaluate_sync`; reads whole answers; `save_results`, so that its JSON
  lines have every rollout, as ours and the others' do;
- NeMo Gym: `gym eval run`, which starts Ray and a server each for agent, model and verification; reads whole
  answers; its JSON lines have every rollout, and it aggregates them.

Each of the others is installed once into an environment of its own under `--cache`. NeMo Gym needs Python 3.12 or
newer; without one its rows are left out.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.chat import serve
from benchmarks.process_tree import Usage, measure
from benchmarks.table import Row, print_table

DRIVERS = Path(__file__).with_name("harnesses")
TASKS = Path(__file__).with_name("trivial_scenario.py")
CACHE = Path("~/.cache/infraray/harness").expanduser()
MEMORY_BEFORE_MIB = 820
"""What ours once took; the target is half of it."""


@dataclass(frozen=True)
class Load:
    """What each harness plays, the folder in which it does so, and its environment's programs."""

    url: str
    requests: int
    concurrency: int
    folder: Path
    programs: Path


def ours(load: Load) -> list[str]:
    run = {
        "imports": [str(TASKS)],
        "scenarios": ["trivial"],
        "agents": [f"chat:m@{load.url}"],
        "seeds": load.requests,
        "concurrency": load.concurrency,
    }
    (load.folder / "load.yaml").write_text(yaml.safe_dump(run))
    return [sys.executable, "-m", "infraray", "run", "load.yaml"]


def inspect_ai(load: Load) -> list[str]:
    shutil.copy(DRIVERS / "inspect_task.py", load.folder)  # it takes no path from the root
    model = ["--model", "openai-api/local/m", "--model-base-url", load.url, "--max-connections", str(load.concurrency)]
    return [f"{load.programs}/inspect", "eval", "inspect_task.py", *model, "-T", f"requests={load.requests}"]


def verifiers(load: Load) -> list[str]:
    driver = DRIVERS / "verifiers_evaluation.py"
    return [f"{load.programs}/python", str(driver), load.url, str(load.requests), str(load.concurrency)]


def nemo_gym(load: Load) -> list[str]:
    shutil.copytree(DRIVERS / "nemo_gym", load.folder, dirs_exist_ok=True)
    rows = (
        {"responses_create_params": {"input": f"Guess {number}: 0 or 1?"}, "answer": str(number % 2)}
        for number in range(load.requests)
    )
    (load.folder / "guess.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    # Without an environment that is there, each server would install its own in every run.
    for server in ("resources_servers/guess", "responses_api_agents/simple_agent", "responses_api_models/vllm_model"):
        (load.folder / server).mkdir(parents=True, exist_ok=True)
        (load.folder / server / ".venv").symlink_to(load.programs.parent)
    configs = ["--config", "guess.yaml", "--model-type", "vllm_model", "--split", "validation"]
    model = ["--model", "m", "--model-url", load.url, "--model-api-key", "none"]
    output = ["--output", "results/rollouts.jsonl", "--concurrency", str(load.concurrency)]
    return [f"{load.programs}/gym", "eval", "run", *configs, *model, *output]


@dataclass(frozen=True)
class Harness:
    """A harness's name with its version, what is installed, the least Python for it, and its command for a load."""

    title: str
    requirements: tuple[str, ...]
    command: Callable[[Load], list[str]]
    python: tuple[int, int] = (3, 11)


OURS = Harness("infraray", (), ours)
OTHERS = {
    "inspect_ai": Harness("inspect_ai 0.3.285", ("inspect-ai==0.3.285", "openai==3.57.0"), inspect_ai),
    "verifiers": Harness("verifiers 0.1.14", ("verifiers==0.1.14",), verifiers),
    "nemo_gym": Harness("NeMo Gym 0.4.0", ("nemo-gym==0.4.0",), nemo_gym, (3, 12)),
}


def find_python(least: tuple[int, int]) -> str | None:
    """An interpreter that is new enough and not newer than 3.13, for which all have wheels."""
    candidates = [sys.executable]
    for minor in range(least[1], 14):
        candidates += filter(None, [shutil.which(f"python3.{minor}")])
        candidates += map(str, Path("~/.pyenv/versions").expanduser().glob(f"3.{minor}.*/bin/python"))
    for candidate in candidates:
        asked = [candidate, "-c", "import sys; print(*sys.version_info[:2])"]
        answer = subprocess.run(asked, capture_output=True, text=True)
        if answer.returncode == 0 and least <= tuple(map(int, answer.stdout.split())) <= (3, 13):
            return candidate
    return None


def environment_of(name: str, harness: Harness, cache: Path) -> Path | None:
    """The programs of a harness, installed if they are not; none without a Python that is new enough."""
    folder = cache / name
    installed, wanted = folder / "installed.txt", "\n".join(harness.requirements)
    if installed.exists() and installed.read_text() == wanted:
        return folder / "bin"
    python = find_python(harness.python)
    if python is None:
        return None
    print(f"installing {', '.join(harness.requirements)} into {folder}", file=sys.stderr)
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", "--quiet", *harness.requirements], check=True)
    installed.write_text(wanted)
    return folder / "bin"


class Server:
    """The server, in a process of its own."""

    def __init__(self) -> None:
        port, self.answered = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
        self.process = multiprocessing.Process(target=serve, args=(port, self.answered), daemon=True)
        self.process.start()
        while not port.value:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{port.value}/v1"


def play(harness: Harness, programs: Path, server: Server, requests: int, concurrency: int) -> Usage:
    """What a harness used for the load, in a folder of its own and without what Ray runs elsewhere.

    Raises:
        SystemExit: it failed, or asked less than it should; with the end of its output.
    """
    before = server.answered.value
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        load = Load(server.url, requests, concurrency, Path(folder), programs)
        foreign = {"RAY_ADDRESS", *(["PYTHONPATH"] if harness.requirements else [])}
        environment = {name: value for name, value in os.environ.items() if name not in foreign}
        environment |= {"RAY_TMPDIR": folder, "LOCAL_API_KEY": "none", "API_KEY": "none", "OPENAI_API_KEY": "none"}
        try:
            usage = measure(harness.command(load), load.folder, environment, output)
            missing = requests - (server.answered.value - before)
            problem = f"{missing} of {requests} requests were not made" if missing > 0 else None
        except subprocess.SubprocessError as error:
            problem = str(error)
        if problem:
            output.seek(0)
            sys.exit(f"{output.read().decode()[-5000:]}\n{harness.title}: {problem}")
    return usage


def rows_of(what: str, mine: Usage, theirs: dict[str, Usage]) -> list[Row]:
    """Ours beside each of the others."""
    rows = []
    for name, usage in theirs.items():
        title, near = OTHERS[name].title, "about 1" if name == "inspect_ai" else ""
        rows += [
            row(f"{what}, CPU", mine.cpu_s, title, usage.cpu_s, "s", "< 1"),
            row(f"{what}, wall", mine.wall_s, title, usage.wall_s, "s", ""),
            row(f"{what}, memory", mine.memory_mib, title, usage.memory_mib, "MiB", near),
        ]
    return [*rows, row(f"{what}, memory", mine.memory_mib, "ours before", MEMORY_BEFORE_MIB, "MiB", "<= 0.5")]


def row(what: str, mine: float, title: str, theirs: float, unit: str, target: str) -> Row:
    digits = 1 if unit == "s" else 0
    return Row(what, f"{mine:.{digits}f} {unit}", title, f"{theirs:.{digits}f} {unit}", mine / theirs, target)


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=256, help="requests under way at once (256)")
    parser.add_argument("--only", nargs="+", choices=OTHERS, default=list(OTHERS), help="those beside ours")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"the folder of the environments ({CACHE})")
    options = parser.parse_args()

    environments = {name: environment_of(name, OTHERS[name], options.cache.absolute()) for name in options.only}
    server, theirs = Server(), {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is being measured ends, too
    mine = play(OURS, Path(sys.executable).parent, server, options.requests, options.concurrency)
    for name, programs in environments.items():
        if programs is None:
            print(f"{OTHERS[name].title} is left out: no Python 3.{OTHERS[name].python[1]} was found", file=sys.stderr)
        else:
            theirs[name] = play(OTHERS[name], programs, server, options.requests, options.concurrency)
    server.process.terminate()
    return rows_of(f"{options.requests} chats, {options.concurrency} at once", mine, theirs)


if __name__ == "__main__":
    print_table(main())
