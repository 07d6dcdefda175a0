"""Launch configurations: the paper's spaces, their command lines, and what an engine's own help says."""

import itertools
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from infraray.engines import EngineSpec, find_launch_space, installed_flags, launch_spaces, read_engine_spec
from infraray.engines.installed_flags import read_help
from infraray.errors import InfrarayError
from infraray.space import SearchSpace
from tests.engines.fakes import eventually, exists

PRINTS_ITS_HELP = """
import argparse

parser = argparse.ArgumentParser(add_help=False)
parser.add_argument("--help", help="what --this-is-not a flag")
parser.add_argument("--max-model-len", help="such as 8k")
parser.add_argument("--tensor-parallel-size", "-tp", "--tp-size", type=int)
parser.add_argument("-q", "--quantization", choices=["fp8", "awq"], help="of the weights")
parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
parser.add_argument("--a-flag-whose-name-is-longer-than-its-column", help="begins on a line of its own: --not-this")
parser.print_help()
"""


STARTS_ANOTHER = "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"


def valid(space: SearchSpace) -> int:
    """How many configurations there are, counted one by one; none of these spaces has conditions."""
    names = [one.name for one in space.hyperparameters]
    combinations = itertools.product(*(one.values for one in space.hyperparameters))
    return sum(space.broken_rule(dict(zip(names, values, strict=True))) is None for values in combinations)


@pytest.mark.parametrize(
    ("name", "context", "size"),
    [
        ("vllm-paper", 1024, 92_160),
        ("vllm-paper", 16_384, 55_296),
        ("vllm-paper", 32_768, 46_080),
        ("sglang-paper", 32_768, 90),
        ("tgi-paper", 32_768, 311_040),
    ],
)
def test_the_papers_spaces_have_their_sizes(name: str, context: int, size: int) -> None:
    assert valid(find_launch_space(name)[1].build(context)) == size


@pytest.mark.parametrize("name", launch_spaces())
def test_configurations_become_engines(name: str) -> None:
    kind, launch = find_launch_space(name)
    space = launch.build(32_768)
    drawn = random.Random(5)
    sample = [{one.name: drawn.choice(one.values) for one in space.hyperparameters if one.values} for _ in range(300)]
    for configuration in [space.default, *(one for one in sample if space.broken_rule(one) is None)]:
        flags = {"seed": 3, **launch.flags(space.canonical(configuration))}
        spec = read_engine_spec({"engine": kind.name, "model": "m", "flags": flags})
        assert None not in spec.flags.values()
        places = {"python": "py", "model": "m", "host": "h", "port": "1"}
        words = kind.command_line(kind.command, places, spec.flags)
        assert words[:1] == [kind.command[0].replace("{python}", "py")] and {"m", "h", "1"} < set(words)
        assert not {"none", "None", "False", "True"} & set(words)


def test_what_cannot_be_launched_is_one_line() -> None:
    with pytest.raises(InfrarayError) as refused:
        read_engine_spec({"engine": "sglang", "model": "m", "flags": {"port": 8000}})
    assert "flags.port=8000: is set by infraray; leave it out" in str(refused.value) and "\n" not in str(refused.value)


def test_tgi_needs_nothing_but_its_launcher_on_the_path() -> None:
    kind, launch = find_launch_space("tgi-paper")
    places = {"model": "/m", "host": "127.0.0.1", "port": "8080"}
    said = "text-generation-launcher --model-id /m --hostname 127.0.0.1 --port 8080 --quantize fp8"
    flags = launch.flags({"max_batch_size": "none", "quantize": "fp8"})
    assert kind.command_line(kind.command, places, flags) == said.split()


def program(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return str(path)


def ask(python: str, engine: str = "vllm", **fields: Any) -> dict[str, tuple[str, ...]]:
    flags = installed_flags.installed_flags(
        EngineSpec.model_validate({"engine": engine, "model": "m", "python": python, **fields})
    )
    assert flags is not None
    return flags.choices


EXPECTED = {
    "help": (),
    "max-model-len": (),
    "tensor-parallel-size": (),
    "tp-size": (),
    "quantization": ("fp8", "awq"),
    "enforce-eager": (),
    "a-flag-whose-name-is-longer-than-its-column": (),
}


def test_flags_are_those_of_the_installed_engine(tmp_path: Path) -> None:
    fake = program(tmp_path / "python", PRINTS_ITS_HELP)
    assert ask(fake) == EXPECTED
    flags = installed_flags.installed_flags(EngineSpec(model="m", python=fake))
    assert flags is not None
    flags.check(EngineSpec(model="m", flags={"max_model_len": 9, "--tp-size": 2, "quantization": "awq"}))
    with pytest.raises(InfrarayError) as refused:
        flags.check(EngineSpec(model="m", flags={"max_model_length": 9, "quantization": "gptq"}))
    assert str(refused.value).splitlines() == [
        "max_model_length: the installed vllm has no such flag; did you mean max-model-len?",
        "quantization='gptq': the installed vllm takes fp8, awq",
    ]


def test_an_engine_is_asked_once_whatever_libraries_set_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    fake = program(tmp_path / "python", f"open({str(log)!r}, 'a').write('asked\\n')\n{PRINTS_ITS_HELP}")
    assert ask(fake) == EXPECTED
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    assert ask(fake) == EXPECTED
    assert log.read_text() == "asked\n"
    # What is found may be another where one looks elsewhere.
    assert ask(fake, env={"PYTHONPATH": str(tmp_path)}) == EXPECTED
    assert log.read_text() == "asked\nasked\n"


KEPT = """import json, sys, time
if sys.argv[1:2] == ["-c"]:
    print(json.dumps(%r))
    raise SystemExit
time.sleep(0.2)
open(%r, "a").write("asked\\n")
"""


def processes_that_ask(fake: str, folder: Path, count: int) -> list[dict[str, list[str]]]:
    """The flags by so many processes at once."""
    program = (
        "import json, pathlib; from infraray.engines import EngineSpec\n"
        "from infraray.engines.installed_flags import installed_flags\n"
        f"spec = EngineSpec(model='m', python={fake!r})\n"
        f"print(json.dumps(installed_flags(spec, pathlib.Path({str(folder)!r})).choices))"
    )
    asking = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    return [json.loads(one.communicate(timeout=60)[0]) for one in asking]


def test_processes_ask_an_engine_once_as_long_as_the_same_is_installed(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "figures"

    def install(version: str, url: str | None = None) -> str:
        packages = {"packages": [["vllm", version, url]], "place": "", "changed": ""}
        text = KEPT % (packages, str(log))
        return program(tmp_path / "python", text + PRINTS_ITS_HELP)

    expected = {flag: list(values) for flag, values in EXPECTED.items()}
    fake = install("1.0")
    assert processes_that_ask(fake, folder, 3) == [expected] * 3
    assert processes_that_ask(fake, folder, 1) == [expected]
    assert log.read_text() == "asked\n"
    # Another version may have others; and what is torn or no longer understood is asked for again.
    install("2.0")
    assert processes_that_ask(fake, folder, 1) == [expected]
    assert log.read_text() == "asked\n" * 2
    for kept in folder.glob("flags-*.json"):
        kept.write_text(kept.read_text()[:20])
    assert processes_that_ask(fake, folder, 1) == [expected]
    assert log.read_text() == "asked\n" * 3
    # One that is being worked on changes without a version.
    install("2.1", '{"dir_info": {"editable": true}}')
    for number in (4, 5):
        assert processes_that_ask(fake, folder, 1) == [expected]
        assert log.read_text() == "asked\n" * number


def test_speculation_on_the_cpu_is_not_scheduled_asynchronously() -> None:
    space = find_launch_space("vllm")[1].build(1024)
    both = {**space.default, "async_scheduling": True, "num_speculative_tokens": 3}
    assert space.broken_rule(both) is not None
    for alone in ({"num_speculative_tokens": 0}, {"async_scheduling": False}, {"async_scheduling": None}):
        assert space.broken_rule({**both, **alone}) is None


def test_sglang_is_asked_by_its_module(tmp_path: Path) -> None:
    (tmp_path / "sglang").mkdir()
    (tmp_path / "sglang" / "__init__.py").touch()
    (tmp_path / "sglang" / "launch_server.py").write_text(PRINTS_ITS_HELP)
    assert ask(sys.executable, "sglang", env={"PYTHONPATH": str(tmp_path)}) == EXPECTED


def test_tgi_is_asked_by_its_name(tmp_path: Path) -> None:
    text = "Usage: it [OPTIONS]\n\nOptions:\n      --quantize <QUANTIZE>\n          Not --this\n\n  -p, --port <PORT>\n"
    program(tmp_path / "text-generation-launcher", f"print({text!r})")
    assert ask("unused", "tgi", env={"PATH": str(tmp_path)}) == {"quantize": (), "port": ()}


@pytest.mark.parametrize("fields", [{"command": "serve {port}", "model": "m"}, {"engine": "url", "url": "http://h/v1"}])
def test_a_command_of_the_users_is_not_asked(fields: dict[str, Any]) -> None:
    assert installed_flags.installed_flags(EngineSpec.model_validate(fields)) is None


def test_an_engine_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    silent = program(tmp_path / "silent", "import sys\nsys.exit('a\\nNo module named vllm')")
    with pytest.raises(InfrarayError, match=f"^engine vllm: not installed in {silent} \\(No module named vllm\\)$"):
        ask(silent)
    with pytest.raises(InfrarayError, match=r"^engine vllm: not installed in \S+ \(it printed no flags\)$"):
        ask(program(tmp_path / "mute", ""))
    with pytest.raises(
        InfrarayError, match=r"^engine vllm: not installed: /nowhere/python: No such file or directory$"
    ):
        ask("/nowhere/python")


def test_an_engine_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed_flags, "HELP_S", 2.0)
    began = time.monotonic()
    with pytest.raises(InfrarayError, match=r"^engine vllm: did not print its help within 2 s$"):
        ask(
            program(
                tmp_path / "slow",
                f"{STARTS_ANOTHER}open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\nchild.wait()",
            )
        )
    pid = int((tmp_path / "pid").read_text())
    assert eventually(lambda: not exists(pid))
    assert time.monotonic() - began < 20


def test_opposites_and_texts_are_no_flags() -> None:
    assert read_help("  --a, --no-a   see --b\n            --c\nusage: [--d]\n").choices == {"a": ()}
