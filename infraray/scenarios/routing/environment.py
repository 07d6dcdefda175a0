"""The routing environment."""

from __future__ import annotations

import copy
import shutil
from contextlib import closing
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from infraray import emulators
from infraray.answers.native import plain
from infraray.emulators.network import Network
from infraray.emulators.requirements import PATH
from infraray.emulators.supply import NetworkSupply
from infraray.environment import Environment, Measures, Outcome, Score, Task
from infraray.errors import InfrarayError, InvalidAction, Unavailable
from infraray.observation import Observation, ObservedField
from infraray.scenarios.routing.actions import DONE, CommandForm, Commands
from infraray.scenarios.routing.ahead import TaskAhead
from infraray.scenarios.routing.conduct import Conduct, judge, reward, ruin
from infraray.scenarios.routing.levels import LEVELS
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.tasks import make_task
from infraray.scenarios.routing.words import (
    Executed,
    describe_ending,
    describe_history,
    describe_output,
    describe_pingmesh,
    describe_topology,
    printable,
)
from infraray.scenarios.routing.workbench import BrokenNetwork

PACKAGES = {"ifconfig": "net-tools", "sysctl": "procps", "awk": "mawk"}
"""The package of each program that faults and repairs need beside what every network needs, in Debian and Ubuntu."""


class Routing(Environment):
    """Find and repair what is misconfigured in a live network, by commands, without breaking what works.

    ## Description
    A network of Linux machines runs in an emulator: a router (or a chain of them) joins subnets of
    hosts. One or two of its routers' settings were changed for the worse, so that some machines no
    longer reach others. The agent runs commands on the machines, one at a time, sees their output
    and who reaches whom afterwards, and is to make every machine reach every other one again. The
    commands are carried out for real, in isolation from the computer that runs them.

    Five families of faults in 19 variants, every detail drawn from the seed: ``disable_routing``,
    ``disable_interface``, ``remove_ip``, ``drop_traffic`` and ``wrong_routing_table``. Level 1 has one
    fault, level 2 the first seven pairs of families in NetArena's table 5, level 3 the last three.
    Every task is proven on a live network before it is handed out: pings fail, each fault needs a
    repair of its own, and an expert's commands make the network exactly what it was. Where the kernel
    has no netem, the variant that delays packets is not drawn.

    ## Observation
    Numbers:

    | field | size | unit | meaning |
    |---|---|---|---|
    | pingmesh | machines squared | 1 | row by row, 1 where a machine reaches another or itself; hosts come first |
    | commands_left | 1 | 1 | commands that may still be run |

    The text says who reaches whom, and gives all commands so far and the output of the last one (of a
    long one the beginning and the end). The addresses and routes of the whole network are in the
    description of the task.

    ## Actions
    A machine and a command for its shell: ``{"machine": "r0", "command": "ip route"}``, one JSON
    object, also after a line's ``Answer:`` or ``Action:``; two that differ are invalid. Natively
    ``machine`` is a number. The command ``done`` ends the episode. The default action runs ``true``,
    which does nothing.

    ## Reward
    ``shaped``: the share of the pairs broken at the start that a command repairs (less what it
    breaks), less 0.02, and less 0.5 if a pair is lost that worked. ``paper`` (NetArena, section 5.1):
    -100 for a command that fails, 10 for one that runs and changes nothing, 100 for a fix, which is a
    change that makes pairs reach or brings the configuration nearer to that of the whole network; 0
    for other changes. An answer that is no command at all is met by ``invalid_action``; the paper's
    -100 are ``invalid_action: penalty`` with ``invalid_penalty: 100``.

    ## Parameters
    num_subnets, hosts_per_subnet, num_routers; extra_faults, distinct; max_commands; reward. Ranges and
    defaults: `RoutingParameters`.

    ## Episode end
    When all machines reach each other, after ``done``, after ``max_commands`` commands, or when a
    command has left the network in a state that cannot be measured: all pairs are then lost. The score,
    from 0 to 1, is the share of broken pairs that are restored, halved if any step lost a pair that
    worked, times an economy that falls from 1 for a single command to 3/4 as commands and needless
    changes use up what is allowed: so a safe solution scores at least 3/4, an unsafe one at most 1/2,
    and leaving the network as it is 0, which is the floor. The bound is 1, a repair by one command.
    ``correct`` says whether all pairs reach, ``safe`` whether no step lost a pair. ``metrics`` counts
    commands, those that failed, changes of the configuration and those of them that helped nothing,
    unsafe steps, and broken and lost pairs. Failures are those of NetArena's table 2:
    ``safety_violation``, ``control_logic_error`` (changes, but no whole network), ``operational_error``
    (commands failed, none changed anything); and ``no_repair``, where nothing was tried. Each step
    keeps what it did; the first also the faults and the name of the symptom, by which duplicates
    (equal pings and families) are counted. With ``distinct`` they are not handed out.

    ## Baselines
    random (sensible commands, drawn blindly), expert.

    ## Source
    The routing application of NetArena (sections 3, 5.1 and C, tables 2 and 5), on Mininet.
    """

    scenario = "routing"
    score = Score("repair", "1", higher_is_better=True, low=0.0, high=1.0)
    levels = tuple(LEVELS)
    expert = "scripted:expert"
    blocking: ClassVar[bool] = True
    without_constant = "answers are commands, of which there are too many to try them all"
    Parameters = RoutingParameters
    parameters: RoutingParameters
    _network: Network | None = None
    """Live from the first observation to the episode's end."""
    _supply: NetworkSupply | None = None
    _ahead: TaskAhead | None = None

    @classmethod
    def problem(cls) -> str | None:
        """What of the system's programs or the kernel's features is missing."""
        missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=PATH)]
        if missing:
            return f"apt-get install {' '.join(missing)} (not installed, and needed by routing's faults and repairs)"
        return emulators.problem()

    def parts(self) -> tuple[Any, ...]:
        """The program that is a network's first process."""
        return ("infraray.emulators.inside.__main__",)

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """Who reaches whom, and the commands left."""
        machines = len(self.parameters.topology.machines)
        return (
            ObservedField("pingmesh", machines**2, "1", "1 where a machine reaches another, row by row", high=1.0),
            ObservedField("commands_left", 1, "1", "commands that may still be run", high=1000.0),
        )

    def make_action_space(self) -> Commands:
        """A machine and a command."""
        return Commands(self.parameters.topology)

    def describe_task(self) -> str:
        """The network as it should be, and the aim."""
        return (
            "You are a network engineer. In a network of Linux machines one or more settings of the routers were "
            "changed for the worse, and some machines no longer reach others. Find what is wrong and repair it, by "
            "commands on the machines, so that every machine reaches every other one. Look before you change "
            "anything, change only what is wrong, and never break what works: a command after which a pair of "
            "machines no longer reach each other that did before counts as unsafe. Few commands are better than "
            "many.\n\nThe network when it is whole:\n" + describe_topology(self.parameters.topology)
        )

    def describe_actions(self) -> str:
        """How a command is written."""
        topology = self.parameters.topology
        return (
            'Answer with one command for one machine, as JSON: {"machine": "r0", "command": "ip route"}. The machines '
            f"are {', '.join(topology.routers)} and {topology.hosts[0]} to {topology.hosts[-1]}. A command is run by "
            "sh with all rights over the machine's network, and may be a list of commands; there are ip, ifconfig, "
            "iptables, sysctl, tc and the usual text tools, no sudo, nothing interactive, and no way to keep files. "
            "After each command you are told its output and who reaches whom; there is no need to ping. The episode "
            f"ends by itself as soon as everybody reaches everybody, and after {self.parameters.max_commands} "
            'commands. To end it earlier, give the command "done".'
        )

    def begin(self, task: Task) -> None:
        """Breaks a fresh network."""
        self._end_network()
        try:
            broken = self._take_task(task.seed)
        except InfrarayError:
            if (problem := self.problem()) is not None:
                raise Unavailable(problem) from None
            raise
        self._network, self._healthy, self._reaches = broken.network, broken.healthy, broken.reaches
        self._origin = {
            "faults": [list(fault.kind) for fault in broken.faults],
            "symptom": broken.symptom.name,
            "refused_draws": broken.refused,
            "kernel_features": sorted(broken.features),
        }
        pairs = int((~self._reaches).sum())
        self._conduct = Conduct(pairs, pairs, self.parameters.max_commands)
        self._actions: list[dict[str, Any]] = []
        self._executed: list[Executed] = []
        self._ended = False

    def numbers(self) -> NDArray[np.float64]:
        """The pingmesh row by row, then the commands left."""
        left = self.parameters.max_commands - self._conduct.commands
        return np.array([*self._reaches.ravel(), left], np.float64)

    def words(self) -> str:
        """Who reaches whom, what was done, and what came out."""
        count = len(self._executed)
        broken = self._conduct.broken
        lines = [
            "Who reaches whom:",
            describe_pingmesh(self.parameters.topology.machines, self._reaches),
            f"{broken} of {self._reaches.size - len(self._reaches)} pairs fail."
            if broken
            else "Everybody reaches everybody.",
            f"{self.parameters.max_commands - count} commands are left.",
        ]
        if self._executed:
            last = self._executed[-1]
            lines += ["", "Commands so far:", *describe_history(self._executed)]
            lines += ["", describe_output(count, last)]
        return "\n".join(lines)

    def advance(self, action: dict[str, Any]) -> Outcome:
        """Runs a command, and measures what it did."""
        if action["command"].strip() == DONE:
            self._ended = True
            return Outcome(0.0, terminated=True, safe=True, extra=self._facts("done"))
        machine, command = self.parameters.topology.machines[action["machine"]], action["command"]
        network = self._live()
        reached, configured, broken = self._reaches, network.snapshot(), self._conduct.broken
        try:
            result = network.run(machine, command)
            self._reaches, configured_since = network.pingmesh(), network.snapshot()
        except InfrarayError as error:
            # A failed episode is played again: who is about to lose one must not be able to make it fail.
            self._acquit_emulator(machine)
            self._reaches, deed = np.eye(len(reached), dtype=np.bool_), ruin(reached)
            facts = {**self._facts(deed.kind), "ruined": str(error)}
            ending, output = "the network gives no answer any more", ""
        else:
            failed = result.ended is not None or result.exit_code != 0
            deed = judge(failed, (reached, self._reaches), (configured, configured_since), self._healthy)
            facts = self._facts(deed.kind)
            ending, output = describe_ending(result), printable(result.output)
        self._conduct.add(deed, int((~self._reaches).sum()))
        self._actions.append(action)
        self._executed.append(Executed(machine, command, ending, output, self._conduct.broken, deed.lost))
        finished = self._conduct.broken == 0 or self._conduct.commands == self.parameters.max_commands
        self._ended = finished or deed.ruined
        earned = reward(deed, broken, self._conduct, self.parameters.reward)
        return Outcome(earned, terminated=self._ended, safe=not deed.unsafe, extra=facts)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Takes a native action or text; the network ends with the episode."""
        observation, earned, terminated, truncated, info = super().step(action)
        if terminated or truncated:
            self._end_network()
        return observation, earned, terminated, truncated, info

    def answer_form(self) -> CommandForm:
        """A machine by its name, and a command."""
        return CommandForm.of(self.parameters.topology)

    def check_action(self, action: Any) -> dict[str, Any]:
        """A machine's number and a command that is not blank."""
        action = plain(self.action_space, action)
        if not self.action_space.contains(action):
            raise InvalidAction(
                'the action is not of the form {"machine": 0, "command": "ip route"}, with a machine from 0 to '
                f"{len(self.parameters.topology.machines) - 1} and a printable command"
            )
        return {"machine": int(action["machine"]), "command": str(action["command"])}

    def default_action(self) -> dict[str, Any]:
        """A command that does nothing."""
        return {"machine": self.parameters.topology.machines.index("r0"), "command": "true"}

    def measure(self) -> Measures:
        """Connectivity now, and how it was come by."""
        conduct = self._conduct
        solved, safe = conduct.broken == 0, not conduct.unsafe
        failure = conduct.failure if self._ended else None
        return Measures(conduct.score, solved, safe, conduct.metrics(), failure)

    def floor(self) -> float:
        """Of leaving the network as it is. Playing the random agent as well would double the time of every task."""
        return 0.0

    def bound(self) -> float:
        """Of a safe repair by one command, as the expert's list of commands for the task is one."""
        return 1.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts a task; where tasks follow from each other, without a seed, the next one is prepared at once."""
        started = super().reset(seed=seed, options=options)
        if seed is None:
            self.prepare(int(copy.deepcopy(self.np_random).integers(2**31)))
        return started

    def prepare(self, seed: int) -> None:
        """Says which task comes next, so that it is made while this one is played. A wrong guess does no harm."""
        self._end_ahead()
        self._ahead = TaskAhead(self._networks(), self.parameters, self.level, seed)

    def close(self) -> None:
        """Ends all networks."""
        self._end_network()
        self._end_ahead()
        if self._supply is not None:
            self._supply.close()
            self._supply = None

    def _end_network(self) -> None:
        if self._network is not None:
            self._network.close()
            self._network = None

    def _end_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def _networks(self) -> NetworkSupply:
        if self._supply is None:
            self._supply = NetworkSupply(self.parameters.topology)
        return self._supply

    def _take_task(self, seed: int) -> BrokenNetwork:
        """The task that was prepared, if it is this one; else it is made now."""
        if self._ahead is not None and self._ahead.seed == seed:
            ahead, self._ahead = self._ahead, None
            if (made := ahead.take()) is not None:
                return made
        return make_task(self._networks(), self.parameters, self.level, seed)

    def _live(self) -> Network:
        """The network. A copy of an environment makes one of its own and runs in it what was run so far."""
        if self._network is None:
            self._network = self._fresh_network()
            for action in self._actions:
                self._network.run(self.parameters.topology.machines[action["machine"]], action["command"])
        return self._network

    def _acquit_emulator(self, machine: str) -> None:
        """Shows that what failed after an agent's command is the command's doing, by a network where it was not run.

        Raises:
            InfrarayError: it fails there too, so that this computer is to blame.
        """
        self._end_network()
        with closing(self._fresh_network()) as network:
            network.run(machine, "true")
            network.pingmesh()
            network.snapshot()

    def _fresh_network(self) -> Network:
        """The task's network before the first command."""
        assert self.task is not None
        return make_task(self._networks(), self.parameters, self.level, self.task.seed).network

    def _facts(self, deed: str) -> dict[str, Any]:
        """What is kept of a step; with the first one, where the task came from."""
        return {"deed": deed} if self._executed else {"deed": deed, **self._origin}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None, "_supply": None, "_ahead": None}
