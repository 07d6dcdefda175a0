"""What an installed package registers is found by its name, and a package that fails costs nobody else anything."""

import os
import subprocess
import sys
from pathlib import Path

from tests.core.installed import install

AGENTS = """
    from infraray import ScriptedAgent, register_agent


    @register_agent("first_server", scenario="load_balance")
    class FirstServer(ScriptedAgent):
        '''Sends every job to the first server.'''

        def act(self, observation):
            return 0
"""


def in_a_process(code: str, site: Path, cwd: Path) -> subprocess.CompletedProcess:
    """Runs Python that finds what is installed in ``site``, which no environment variable tells its children."""
    code = f"import sys; sys.path.append({str(site)!r})\n{code}"
    environment = {**os.environ, "COLUMNS": "300"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


def command(site: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess:
    return in_a_process(f"sys.argv = ['infraray', *{words!r}]\nfrom infraray.cli import main; main()", site, cwd)


def test_workers_play_an_agent_of_an_installed_package_and_the_run_keeps_its_version(tmp_path: Path) -> None:
    install(tmp_path / "site", "infraray-first", AGENTS, "3.5")
    words = ("run", "--scenario", "load_balance", "--agent", "scripted:first_server", "--seeds", "4", "--out", "out")
    done = command(tmp_path / "site", tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "4 episodes finished, 0 failed" in done.stdout
    assert '"infraray-first": "3.5"' in (tmp_path / "out" / "run.json").read_text()


def test_a_list_shows_what_packages_bring_and_names_the_one_that_fails(tmp_path: Path) -> None:
    install(tmp_path / "site", "infraray-broken", "import a_module_that_nobody_has", "0.2")
    install(tmp_path / "site", "infraray-first", AGENTS)
    listed = command(tmp_path / "site", tmp_path, "list")
    assert listed.returncode == 0 and "first_server" in listed.stdout
    (line,) = listed.stderr.splitlines()
    reason = "infraray_broken: ModuleNotFoundError: No module named"
    assert line.startswith(f"plugin plugin of infraray-broken 0.2 is left out: {reason}")


FAILURES = {
    "raise SystemExit(3)": "SystemExit: 3",
    "import os; os._exit(4)": "SystemExit: 4",
    "class Two(BaseException): pass\nraise Two('one\\ntwo')": "Two: one two",
    "def f(:": "SyntaxError",
    "import infraray; infraray.register('nonsense', name='n', entry_point='m:N')": "register: id='nonsense'",
    "import infraray\n@infraray.register_agent('random')\nclass Other(infraray.Agent):\n  def act(self, o): return 0": (
        "agent scripted:random is registered already, by "
    ),
}


def test_whatever_a_package_raises_is_one_line_and_the_others_are_there(tmp_path: Path) -> None:
    for number, source in enumerate(FAILURES):
        install(tmp_path / "site", f"broken-{number}", source)
    install(tmp_path / "site", "infraray-first", AGENTS)
    found = in_a_process(
        "from infraray.agents.agent import find_agent; print(find_agent('first_server', 'load_balance').__name__)",
        tmp_path / "site",
        tmp_path,
    )
    assert (found.returncode, found.stdout) == (0, "FirstServer\n"), found.stderr
    lines = found.stderr.splitlines()
    assert len(lines) == len(FAILURES)
    for number, (line, reason) in enumerate(zip(lines, FAILURES.values(), strict=True)):
        assert line.startswith(f"plugin plugin of broken-{number} 1.0 is left out: ") and reason in line


def test_a_name_that_nobody_has_is_answered_with_the_plugins_that_failed(tmp_path: Path) -> None:
    install(tmp_path / "site", "infraray-broken", "import a_module_that_nobody_has")
    refused = command(tmp_path / "site", tmp_path, "list", "elevators")
    assert refused.returncode == 2
    error = refused.stderr.splitlines()[-1]
    assert error.startswith("error: unknown scenario 'elevators'; ") and "plugin of infraray-broken 1.0" in error


def test_a_plugin_is_imported_only_for_a_name_that_nobody_else_has(tmp_path: Path) -> None:
    install(tmp_path / "site", "infraray-loud", "print('imported')")

    def planned(agent: str) -> subprocess.CompletedProcess:
        code = (
            "from infraray.runs.planning import make_plan; from infraray.runs.run_file import RunSpec\n"
            f"make_plan(RunSpec.parse({{'name': 'n', 'scenarios': ['caching'], 'agents': [{agent!r}]}}))"
        )
        return in_a_process(code, tmp_path / "site", tmp_path)

    plain, every = planned("scripted:lru"), planned("scripted:*")
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, "", "")
    assert (every.returncode, every.stdout) == (0, "imported\n")


def test_a_changed_plugin_is_another_agent(tmp_path: Path) -> None:
    """As a changed file of the user's is; a comment is no change, and who does not use it is not touched."""
    digests = (
        "from infraray.runs.planning import make_plan; from infraray.runs.run_file import RunSpec\n"
        "plan = make_plan(RunSpec.parse({'name': 'n', 'scenarios': ['load_balance'],"
        " 'agents': ['scripted:first_server', 'scripted:random']}))\n"
        "print(*(entry.digest.hex() for lineup in plan.lineups for entry in lineup.entries))"
    )

    def played(source: str) -> list[str]:
        install(tmp_path / "site", "infraray-first", source)
        done = in_a_process(digests, tmp_path / "site", tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    before = played(AGENTS)
    commented = played(AGENTS.replace("return 0", "return 0  # always"))
    changed = played(AGENTS.replace("return 0", "return 1"))
    assert before == commented and before[0] != changed[0] and before[1] == changed[1]


EVERYTHING = """
    from infraray.agents.chat import Strategy, Tool, register_strategy, register_tool
    from infraray.tune.searchers import register_searcher
    from infraray.tune.searchers.random import RandomSearch


    class Terse(Strategy):
        def instruction(self):
            return "Be brief."


    class Clock(Tool):
        description = "Tells the time."

        def use(self, text):
            return "noon"


    class Drawing(RandomSearch):
        pass


    register_strategy("terse", Terse)
    register_tool("clock", Clock)
    register_searcher("drawing", Drawing)
"""


def test_strategies_tools_and_searchers_of_a_package_are_found_by_their_names(tmp_path: Path) -> None:
    install(tmp_path / "site", "infraray-everything", EVERYTHING)
    look = "from infraray.agents.chat import strategies as s, tools as t\nimport infraray.tune.searchers as u\n"
    found = "s.strategies['terse'], t.tools['clock'], u.find_searcher('drawing')"
    done = in_a_process(f"{look}print({{one.__module__ for one in ({found})}})", tmp_path / "site", tmp_path)
    assert (done.stdout, done.stderr) == ("{'infraray_everything'}\n", "")
