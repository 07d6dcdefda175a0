"""Packages come from the index that the run names, and nothing else comes in or goes out by that way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infraray import isolation
from infraray.agents import load_agent
from infraray.errors import InfrarayError
from infraray.isolation.packages import interpreter
from tests.workspaces.local_index import LocalIndex
from tests.workspaces.played import SHORT, act, commands, play

pytestmark = pytest.mark.skipif(isolation.problem() is not None, reason=str(isolation.problem()))

ASK = """\
for path in "$@"; do
  /usr/bin/python3 -c 'import sys, urllib.request as u
try: print(sys.argv[1], u.urlopen("http://127.0.0.1:" + open("/tools/port").read() + sys.argv[1]).status)
except u.HTTPError as error: print(sys.argv[1], error.code)' "$path"
done"""


def test_packages_and_what_they_need_are_installed_into_the_folder() -> None:
    use = f"pip install lever 2>&1; {interpreter()} -c 'import lever, pivot; print(lever.ANSWER + pivot.ANSWER)'"
    with LocalIndex() as index:
        played = play(commands(f"{use}; ls packages/lib/*/site-packages", *act(0, 0, 0)), _allowing(index), **SHORT)
    assert "\n84\n" in played.outputs[0] and "lever-1.0.dist-info" in played.outputs[0]
    assert sorted(event["name"] for event in played.events("package")) == [
        "lever-1.0-py3-none-any.whl",
        "pivot-1.0-py3-none-any.whl",
    ]
    assert "index of Python packages" in played.requests[0]["messages"][1]["content"]


def test_only_what_the_index_has_named_is_passed_on() -> None:
    paths = (
        "/packages/lever/pivot-1.0-py3-none-any.whl",  # no page has named it yet
        "/packages/lever/",
        "/packages/lever/lever-1.0-py3-none-any.whl",
        "/packages/lever/passwd",
        "/packages/lever/?secret=1",
        "/packages/..%2ffiles/",
        "/packages/absent/",
        "/packages/",
        "/files/pivot-1.0-py3-none-any.whl",
    )
    with LocalIndex() as index:
        script = f"cat > ask.sh <<'END'\n{ASK}\nEND\nbash ask.sh {' '.join(paths)}; pip install absent 2>&1 | tail -1"
        played = play(commands(script, *act(0, 0, 0)), _allowing(index), **SHORT)
    answered = dict(line.split() for line in played.outputs[0].splitlines() if line.startswith("/"))
    assert answered == dict(zip(paths, "404 200 200 404 200 404 404 404 404".split(), strict=True))
    assert "No matching distribution found for absent" in played.outputs[0]
    assert not any("secret" in path or ".." in path for path in index.asked)


def test_without_it_there_is_no_index_and_one_that_is_gone_costs_nothing_else() -> None:
    played = play(commands("pip install lever; ls /tools/bin; env | grep -c PIP_", *act(0, 0, 0)), **SHORT)
    assert "act" in played.outputs[0] and "pip\n" not in played.outputs[0].splitlines(keepends=True)
    with LocalIndex() as index:
        gone = index.url
    install = "pip install --retries 0 lever 2>&1 | tail -1"
    played = play(commands(install, *act(0, 0, 0)), f"time_s=100&packages={gone}", **SHORT)
    assert "No matching distribution" in played.outputs[0] and played.trajectory.failure is None


def test_an_index_that_is_no_url_is_refused_in_one_line() -> None:
    with pytest.raises(InfrarayError, match=r"packages=.*must begin with http://") as refused:
        load_agent("shell:m@http://h/v1?packages=pypi.org", "load_balance")
    assert "\n" not in str(refused.value)


def _allowing(index: LocalIndex) -> str:
    return f"time_s=100&packages={index.url}"


def test_to_look_for_pip_leaves_this_process_as_it_is() -> None:
    """Setuptools' finder takes distutils out of a process that asks where pip is, and warns."""
    code = (
        "import sys, types; sys.modules['distutils'] = types.ModuleType('distutils'); "
        "from infraray.workspaces.package_index import pip_package; assert pip_package(); "
        "assert 'distutils' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
