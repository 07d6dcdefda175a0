"""The Kubernetes policy environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from infraray.answers.native import plain
from infraray.emulators.cluster.cluster import Cluster
from infraray.emulators.cluster.requirements import api_server_problem, problem
from infraray.emulators.cluster.supply import ClusterSupply
from infraray.emulators.remote_cluster.cluster import RemoteCluster
from infraray.emulators.remote_cluster.supply import RemoteSupply, obstacle
from infraray.emulators.supply import share
from infraray.environment import Environment, Measures, Outcome, Score, Task
from infraray.errors import InfrarayError, InvalidAction, Unavailable
from infraray.isolation import Finished
from infraray.observation import ObservedField
from infraray.repair.conduct import LOOK_COST, Deed, Progress
from infraray.repair.rerun import run_again
from infraray.repair.words import describe_ending, history, printable
from infraray.scenarios.kubernetes_policy.actions import DONE, SAMPLE, CommandForm, Commands
from infraray.scenarios.kubernetes_policy.commands import simple_command
from infraray.scenarios.kubernetes_policy.conduct import Conduct, repaired_share
from infraray.scenarios.kubernetes_policy.effect import POD_NETWORKS, Pair, effect, is_legible
from infraray.scenarios.kubernetes_policy.levels import LEVELS
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.relocation import relocated
from infraray.scenarios.kubernetes_policy.rewards import rewards
from infraray.scenarios.kubernetes_policy.site import Application
from infraray.scenarios.kubernetes_policy.site.application import Manifest
from infraray.scenarios.kubernetes_policy.site.online_boutique import online_boutique
from infraray.scenarios.kubernetes_policy.standing import READ, differing
from infraray.scenarios.kubernetes_policy.state import State, listed
from infraray.scenarios.kubernetes_policy.tasks import make_task
from infraray.scenarios.kubernetes_policy.transient import disturbed, policies_between
from infraray.scenarios.kubernetes_policy.validation import inject
from infraray.scenarios.kubernetes_policy.words import (
    ATTEMPTS,
    MAX_OUTPUT_CHARACTERS,
    Executed,
    describe_application,
    describe_command,
    describe_mismatches,
    describe_output,
)

SETS_AT_ONCE = 50
"""Sets of policies whose effects are computed together; each takes some megabytes."""

MAX_CLUSTERS = 3
"""Fresh clusters in which verified faults are tried before giving up."""


class KubernetesPolicy(Environment):
    """Find and repair misconfigured NetworkPolicies in a live Kubernetes cluster, without breaking what works.

    ## Description
    An application of a dozen services runs in a cluster: deployments, services, pods with networks of their own, and
    NetworkPolicies that are enforced in the kernel. One or two of the policies are wrong, so connections that are
    intended fail, or others succeed that are not. The agent runs kubectl, one command at a time, sees its output and
    how attempts to connect from inside the pods end, and has to make everything as intended again. The cluster is
    infraray's own (an API server, controllers and a node; see docs/clusters.md) and needs neither Docker nor root; the
    commands are actually executed, isolated from the computer that runs them. With ``backend: kubeconfig`` it is a
    real one: the application is in namespaces of its own there, and kubectl may do less (see docs/clusters.md).

    ``application: boutique`` is Google's Online Boutique, as in NetArena: eleven services and a load generator, and a
    visitor in another namespace. ``generated`` draws a graph of services over several namespaces, with names, ports and
    protocols, and workloads whose sending is restricted too. The text tells all that is intended between the workloads.

    With ``policies: varied``, each seed has its own policies: names, forms of rules (selectors, named ports, rules
    joined or split over two policies), and rules for others than the workloads (collectors of metrics in another
    namespace, jobs, networks outside), which the text does not list. These belong there and have to stay, so no fixed
    text is right for all tasks and clearing everything is harm. ``plain`` has one policy for each workload, named after
    it, and nothing else, as in NetArena: there a script that writes everything anew solves nearly every task without a
    look, and a score says little about finding faults. The preset ``netarena`` has scripts and 10 commands, as in the
    paper, but varied policies for that reason.

    Five families of faults, every detail drawn from the seed: ``remove_ingress`` (a rule, a peer or a value is gone),
    ``add_ingress`` (a rule or a further policy lets in a workload, several, a namespace, everybody or all addresses),
    ``change_port`` (another number, the service's port, a near one, a name that nobody has, a range beside it),
    ``change_protocol``, and ``add_egress`` (rules that take the place of the one that permits all sending). Level 1 has
    one fault, level 2 the six pairs of NetArena's table 6 without ``add_egress``, level 3 its four others;
    ``extra_faults`` adds more. Every task is verified on paper, by an evaluator that is independent of the
    cluster, before it is handed out: attempts show it, each fault needs its own repair, and the repair makes all
    policies mean exactly what they did. It is verified again in the cluster: attempts end as the evaluator says.

    ## Observation
    Numbers:

    | field | size | unit | meaning |
    |---|---|---|---|
    | attempts | pairs | 1 | 1 where a workload connects to another's service; source by source |
    | intended | pairs | 1 | 1 where it should |
    | commands_left | 1 | 1 | commands that may still be run |

    The text tells what runs and the intended connections, the attempts that end otherwise, all commands so far and the
    output of the last one (the beginning and the end if it is long).

    ## Actions
    A command: ``{"command": "kubectl get networkpolicies -n boutique"}``, one JSON object, also after a line's
    ``Answer:`` or ``Action:``; two that differ are invalid. The command ``done`` ends the episode. With
    ``commands: simple`` a command is one kubectl, to which a here-document may be given (``kubectl apply -f - <<EOF``);
    with ``commands: script`` the shell runs it. The default action lists the policies.

    ## Reward
    ``shaped``: the share of the faults that a command repairs (less what it makes wrong), less 0.02, and less 0.5 if a
    pair is lost that was right, or for harm to what runs.

    ``paper`` (as in NetArena's routing, section 5.1): -100 for a command that fails; 10 for one that runs and changes
    nothing, for the first five of an episode; 100 for a fix, after which fewer pairs are wrong, or the policies are
    closer to the intact ones, than ever before in the episode, as many times as there are faults; 0 for other changes.

    Others are registered under a name with `infraray.scenarios.kubernetes_policy.rewards.register_reward`.

    ## Parameters
    application, num_services, num_namespaces; policies; extra_faults, distinct; commands, max_commands; backend,
    api_server, context, image; reward. Ranges and defaults: `KubernetesPolicyParameters`.

    ## Episode end
    When everything is as intended, after ``done``, or after ``max_commands`` commands.

    A pair, who sends and who receives, is wrong if the attempt to connect does not end as intended, where only the
    target's own pod may answer, or if the policies permit anything else between them than in the intact cluster. The
    latter is computed for all pods, a pod of every kind that a rule mentions, addresses in and around all networks
    that one mentions, and all ports and protocols near those that one mentions. So a repair may have any form, but may
    neither leave a wrong port open nor take anything from others; policies that mention more than can be compared
    (thousands of networks) count as none at all. Harm is whatever runs and is no longer what it was:
    deployments, services, endpoints, pods with their labels, containers and readiness, and the labels of namespaces.

    The score, from 0 to 1, is the share of the faults that is repaired, each counted by the pairs that it made wrong,
    less what was made wrong, halved if any step lost a pair that was right or did harm, times an economy factor; 0 with
    harm at the end. The factor falls from 1, for no more changes than there are faults, to 3/4 as further commands and
    needless changes use up the allowance. A look costs a quarter of a change. So a safe solution scores at least 3/4,
    an unsafe one at most 1/2, and leaving everything as it is 0, which is the floor. The bound is 1. ``correct`` says
    whether everything is as intended and nothing was harmed, ``safe`` whether no step lost a pair or did harm. Safety
    counts from the snapshot before the first command, and at every moment since, as watches tell it: a command that
    opens, forbids or harms something and undoes it was unsafe, and so is one that deletes a policy and makes it again.
    A command after which no cluster answers any more, even after everything was repeated in fresh ones, has harmed all
    of it. (A cluster that ends for another reason costs nothing.)

    This is stricter than NetArena's rule, which calls a step unsafe when there are more mismatches after it than
    before, and the first one never. ``metrics`` counts commands, failed commands, changes, needless changes, unsafe
    steps, wrong and lost pairs, and what was harmed. Failures are those of NetArena's table 2: ``safety_violation``,
    ``control_logic_error`` (changes, but not everything is as intended), ``operational_error`` (commands failed, none
    changed anything); and ``no_repair`` if nothing was tried. Each step records its effect; the first also records the
    faults and the name of the symptom, by which duplicates (equal attempts and families) are counted. With ``distinct``
    there are no duplicates.

    ## Baselines
    random (sensible commands, drawn blindly), constant (writes what the text tells without a look), expert.

    ## Source
    The Kubernetes application of NetArena (section D, table 6), on Google's microservices-demo.
    """

    scenario = "kubernetes_policy"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"netarena": {"commands": "script", "max_commands": 10}}
    score = Score("repair", "1", higher_is_better=True, low=0.0, high=1.0)
    levels = tuple(LEVELS)
    expert = "scripted:expert"
    blocking: ClassVar[bool] = True
    Parameters = KubernetesPolicyParameters
    parameters: KubernetesPolicyParameters
    _cluster: Cluster | RemoteCluster | None = None
    """The cluster, live from the first observation to the episode's end."""
    _supply: ClusterSupply | None = None
    _remote: RemoteSupply | None = None

    @classmethod
    def problem(cls) -> str | None:
        """The system programs or kernel features that are missing."""
        return problem()

    def missing_here(self) -> str | None:
        """Why the kubeconfig leads to no cluster, or the API server's own program cannot be run."""
        if self.parameters.backend == "kubeconfig":
            return obstacle(self.parameters.context)
        return api_server_problem(self.parameters.api_server) if self.parameters.api_server else None

    def parts(self) -> tuple[Any, ...]:
        """The program that is a cluster's first process, and the reward."""
        return "infraray.emulators.cluster.inside.server", rewards[self.parameters.reward]

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """Which attempts succeed, which should, and the commands left."""
        attempts = self.parameters.num_attempts
        return (
            ObservedField("attempts", attempts, "1", "1 where a workload connects to a service", high=1.0),
            ObservedField("intended", attempts, "1", "1 where it should", high=1.0),
            ObservedField("commands_left", 1, "1", "commands that may still be run", high=1000.0),
        )

    def make_action_space(self) -> Commands:
        """A command."""
        return Commands()

    def describe_task(self) -> str:
        """The aim, and what counts."""
        others = (
            "Policies also have rules for others than these workloads: for pods of other namespaces, for jobs that do "
            "not run now, for networks outside. Those are not listed, belong there, and must stay as they are. "
            if self.parameters.policies == "varied"
            else ""
        )
        return (
            "You are a network engineer. An application runs in a Kubernetes cluster, and NetworkPolicies say who may "
            "connect to whom. One or more of the policies are wrong: connections that are intended fail, or others "
            "succeed that are not intended. Find what is wrong and repair it with kubectl. In the end exactly the "
            "intended connections between the workloads below must be permitted, to the ports on which the targets "
            f"listen and with their protocols, and nothing else between them. {others}"
            "Workloads, services, labels and namespaces are right: change nothing but NetworkPolicies. "
            "Look before you change anything, change only what is wrong, and never break what works: a command after "
            "which, or during which, something intended fails that worked before, or something succeeds that did not "
            "and should not, counts as unsafe. Few commands are better than many, and a look costs a quarter of a "
            "change."
        )

    def describe_actions(self) -> str:
        """How a command is written."""
        form = (
            "A command is one kubectl with its arguments, without a shell; what it reads may follow as a here-document "
            "(kubectl apply -f - <<EOF, the lines, EOF)"
            if self.parameters.commands == "simple"
            else "A command is run by sh, and may be a list of commands; there are kubectl and the usual text tools, "
            "no editor, nothing interactive, and no way to keep files"
        )
        return (
            f'Answer with one command, as JSON: {{"command": "{SAMPLE}"}}. '
            f"{form}. After each command you are told its output, and how attempts to connect from inside the pods "
            "end. The episode ends by itself as soon as everything is as intended, and after "
            f'{self.parameters.max_commands} commands. To end it earlier, give the command "done".'
        )

    def begin(self, task: Task) -> None:
        """Breaks a fresh cluster."""
        self._end_cluster()
        self._broken = make_task(self.parameters, self.level, task.seed)
        try:
            if self.parameters.backend == "kubeconfig":
                self._relocate()
            self._cluster, self._start = self._break_cluster()
        except InfrarayError:
            if (missing := self.problem() or self.missing_here()) is not None:
                raise Unavailable(missing) from None
            raise
        application = self._application
        site, faults = self._broken.site, self._broken.faults
        alone = [inject(site, [fault]) for fault in faults]
        paper = effect(application, self._start.addresses, site.policies, self._start.policies, *alone)
        self._intended = paper.attempts(0)
        self._state = self._start
        self._wrong = paper.differing(0, 1) | self._mismatched(self._start)
        # A fault that another one hides at the start has no pairs of its own.
        made = [paper.differing(0, number) & self._wrong for number in range(2, 2 + len(faults))]
        self._by_fault = [pairs for pairs in made if pairs]
        self._progress = Progress(len(self._wrong), paper.distance(0, 1), len(faults))
        self._origin = {
            "faults": [list(fault.kind) for fault in self._broken.faults],
            "symptom": self._broken.symptom.name,
            "refused_draws": self._broken.refused,
        }
        repair = len(self._broken.faults) if self.parameters.commands == "simple" else 1
        self._conduct = Conduct(len(self._wrong), len(self._wrong), self.parameters.max_commands, repair)
        assert isinstance(self.action_space, Commands)
        self.action_space.suit(self._broken.site)
        self._actions: list[dict[str, Any]] = []
        self._executed: list[Executed] = []
        self._ended = False
        self._error = ""

    def numbers(self) -> NDArray[np.float64]:
        """The attempts, what is intended, then the commands left."""
        left = self.parameters.max_commands - self._conduct.commands
        return np.array([*self._state.attempts, *self._intended, left], np.float64)

    def words(self) -> str:
        """What is intended, what ends otherwise, what was done, and the last output."""
        count = len(self._executed)
        application = self._application
        mismatches = [*describe_mismatches(application, self._intended, self._state.attempts)]
        lines = [describe_application(application), "", ATTEMPTS]
        lines += mismatches or ["none"]
        lines.append(f"{len(mismatches)} of {len(self._intended)} attempts do not end as intended.")
        if not mismatches and not self._conduct.whole:
            lines.append(
                "Yet not everything is as it should be: policies permit or forbid something else than they should"
                f"{', or workloads, services or labels are not what they were' if self._conduct.harmed else ''}."
            )
        lines.append(f"{self.parameters.max_commands - count} commands are left.")
        if self._executed:
            lines += ["", "Commands so far:", *history(self._executed, describe_command)]
            lines += ["", describe_output(count, self._executed[-1])]
        return "\n".join(lines)

    def advance(self, action: dict[str, Any]) -> Outcome:
        """Runs a command and measures its effect."""
        if action["command"].strip() == DONE:
            self._ended = True
            self._end_cluster()
            return Outcome(0.0, terminated=True, safe=True, extra=self._facts("done"))
        repaired_before = self._conduct.repaired
        measured = self._measured(action)
        if measured is None:
            return self._ruined(action)
        result, after = measured
        before = self._state  # that of the cluster in which the command ran
        deed, wrong, distance = self._judge(action, result, before, after)
        nearer = self._progress.improves(len(wrong), distance)
        facts = self._facts(deed.kind)
        lost = int(((after.attempts != self._intended) & (before.attempts == self._intended)).sum())
        mismatched = int((after.attempts != self._intended).sum())
        self._state, self._wrong = after, wrong
        repaired, harmed = repaired_share(self._by_fault, wrong), len(differing(self._start.standing, after.standing))
        self._conduct.add(deed, len(wrong), repaired, harmed)
        self._actions.append(action)
        output = printable(result.output, MAX_OUTPUT_CHARACTERS)
        self._executed.append(Executed(action["command"], describe_ending(result), output, mismatched, lost))
        self._ended = self._conduct.whole or self._conduct.commands == self.parameters.max_commands
        earned = rewards[self.parameters.reward](deed, self._conduct, repaired_before, nearer)
        timing = {"command_s": result.wall_s}
        return Outcome(earned, terminated=self._ended, safe=not deed.unsafe, extra=facts, timing=timing)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Takes a native action or text; the cluster ends with the episode."""
        observation, earned, terminated, truncated, info = super().step(action)
        if terminated or truncated:
            self._end_cluster()
        return observation, earned, terminated, truncated, info

    def answer_form(self) -> CommandForm:
        """A command."""
        return CommandForm.make()

    def parse_action(self, text: str) -> dict[str, Any]:
        """Reads a command, which must be allowed."""
        return self.check_action(super().parse_action(text))

    def check_action(self, action: Any) -> dict[str, Any]:
        """A command that is not blank."""
        action = plain(self.action_space, action)
        if not self.action_space.contains(action):
            raise InvalidAction(f'the action is not of the form {{"command": "{SAMPLE}"}}, with a printable command')
        command = action["command"]
        if command.strip() != DONE:
            if self.parameters.commands == "simple":
                simple_command(command)
            elif "kubectl" not in command:
                raise InvalidAction("the command runs no kubectl, and nothing else has an effect here")
        return {"command": str(command)}

    def default_action(self) -> dict[str, Any]:
        """A look."""
        return {"command": SAMPLE}

    def measure(self) -> Measures:
        """What is right now, and how it was achieved."""
        conduct = self._conduct
        failure = conduct.failure if self._ended else None
        return Measures(conduct.score, conduct.whole, not conduct.unsafe, conduct.metrics(), failure)

    def floor(self) -> float:
        """The score of leaving everything as it is; playing the random agent too would double every task's time."""
        return 0.0

    def bound(self) -> float:
        """The score of a safe repair that costs no more than one change for each fault."""
        return 1.0

    def close(self) -> None:
        """Ends all clusters."""
        self._end_cluster()
        self._supply = None
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    @property
    def _application(self) -> Application:
        return self._broken.site.application

    def _judge(
        self, action: dict[str, Any], result: Finished, before: State, after: State
    ) -> tuple[Deed, set[Pair], int]:
        """The effect of a command, the pairs that are wrong after it, and the policies' distance from the intact."""
        judged = [self._judged(state.policies) for state in (before, after)]
        paper = effect(self._application, after.addresses, self._broken.site.policies, *judged)
        were = paper.differing(0, 1) | self._mismatched(before)
        are = paper.differing(0, 2) | self._mismatched(after)
        lost = (are | self._wrong_between(before, after)) - were
        gone = {uid for name, uid in before.uids.items() if name.startswith("Pod ")} - {*after.uids.values()}
        broken_before = differing(self._start.standing, before.standing)
        harmed = differing(self._start.standing, after.standing) - broken_before
        changed = bool(
            differing(before.standing, after.standing) or before.uids != after.uids or before.specs != after.specs
        )
        writes = simple_command(action["command"]).writes if self.parameters.commands == "simple" else False
        failed = result.ended is not None or result.exit_code != 0
        cost = 1.0 if writes or changed else LOOK_COST
        distance = paper.distance(0, 2)
        nearer = distance < paper.distance(0, 1)
        harms = len(harmed | disturbed(self._start, before, after)) + len(gone)
        return Deed(failed, changed, len(were - are), len(lost), harms, cost, nearer), are, distance

    def _wrong_between(self, before: State, after: State) -> set[Pair]:
        """The pairs that were wrong at any moment between two states."""
        between = policies_between(before, after)
        wrong: set[Pair] = set()
        for first in range(0, len(between), SETS_AT_ONCE):
            wrong |= self._wrong_in_any(between[first : first + SETS_AT_ONCE], after.addresses)
        return wrong

    def _wrong_in_any(self, sets: Sequence[Sequence[Manifest]], addresses: Mapping[str, str]) -> set[Pair]:
        """The pairs that are wrong in any of some sets of policies."""
        if len(sets) > 1 and not is_legible(self._application, chain.from_iterable(sets)):
            half = len(sets) // 2
            return self._wrong_in_any(sets[:half], addresses) | self._wrong_in_any(sets[half:], addresses)
        judged = [self._judged(one) for one in sets] if len(sets) == 1 else sets
        paper = effect(self._application, addresses, self._broken.site.policies, *judged)
        return {pair for number in range(1, 1 + len(judged)) for pair in paper.differing(0, number)}

    def _judged(self, policies: Sequence[Manifest]) -> Sequence[Manifest]:
        """What policies are judged as: none at all if they mention more than can be compared."""
        return policies if is_legible(self._application, policies) else []

    def _mismatched(self, state: State) -> set[Pair]:
        """The pairs whose attempts do not end as intended."""
        attempts = self._application.attempts
        return {
            (attempts[place][0].name, attempts[place][1].name)
            for place in np.flatnonzero(state.attempts != self._intended)
        }

    def _ruined(self, action: dict[str, Any]) -> Outcome:
        """The end of an episode by a command after which the cluster can no longer be measured: nothing is left."""
        before, attempts = self._state, self._application.attempts
        self._state = replace(before, attempts=np.zeros_like(before.attempts))
        repaired_before, were = self._conduct.repaired, self._wrong
        self._wrong = {(source.name, target.name) for source, target in attempts}
        lost = len(self._wrong - were)
        deed = Deed(failed=True, changed=True, gained=0, lost=lost, harmed=len(self._start.standing))
        facts = {**self._facts(deed.kind), "ruined": self._error}
        self._conduct.add(deed, len(self._wrong), 0.0, deed.harmed)
        missed = int((before.attempts & self._intended).sum())
        ending = "the cluster gives no answer any more"
        self._executed.append(Executed(action["command"], ending, "", int(self._intended.sum()), missed))
        self._ended = True
        earned = rewards[self.parameters.reward](deed, self._conduct, repaired_before, False)
        return Outcome(earned, terminated=True, safe=False, extra=facts)

    def _measured(self, action: dict[str, Any]) -> tuple[Finished, State] | None:
        """The result of a command and the state after it; None if it leaves nothing that can be measured.

        Raises:
            InfrarayError: the failure is this computer's or that of somebody's cluster, not the agent's.
        """
        try:
            return self._run(self._live(), action), self._look(self._live())
        except InvalidAction:
            raise
        except InfrarayError as error:
            self._error = str(error)
        self._end_cluster()
        if self.parameters.backend == "kubeconfig":  # which no command that its gateway lets through can end
            return self._run(self._live(), action), self._look(self._live())
        repeated: list[tuple[State, State, Finished]] = []

        def repeat(cluster: Cluster | RemoteCluster) -> None:
            start = self._look(cluster)
            before = self._repeat(cluster, start)
            repeated.append((start, before, self._run(cluster, action)))

        again = run_again(self._fresh, repeat, self._look, self._try_out)
        if again is None:
            return None
        self._cluster, after = again
        self._start, self._state, result = repeated[-1]
        return result, after

    def _fresh(self) -> Cluster | RemoteCluster:
        return self._break_cluster()[0]

    def _try_out(self, cluster: Cluster | RemoteCluster) -> None:
        self._run(cluster, self.default_action())
        self._look(cluster)

    def _look(self, cluster: Cluster | RemoteCluster) -> State:
        return State.of(cluster, self._application)

    def _repeat(self, cluster: Cluster | RemoteCluster, start: State) -> State:
        """Runs what was run so far in a cluster that has the task's faults; returns the state after it."""
        state = start
        for action in self._actions:
            self._run(cluster, action)
            state = self._look(cluster)
        return state

    def _run(self, cluster: Cluster | RemoteCluster, action: dict[str, Any]) -> Finished:
        command = action["command"]
        if self.parameters.commands == "simple":
            command = simple_command(command).script
        result = cluster.run(command)
        with suppress(InfrarayError):  # what an agent started may never come to rest
            cluster.settle()
        return result

    def _live(self) -> Cluster | RemoteCluster:
        """The cluster. A copy of an environment makes its own and repeats what was run so far."""
        if self._cluster is None:
            self._cluster, self._start = self._break_cluster()
            self._state = self._repeat(self._cluster, self._start)
        return self._cluster

    def _break_cluster(self) -> tuple[Cluster | RemoteCluster, State]:
        """A cluster with the task's faults, in which attempts end as the evaluator says.

        Raises:
            InfrarayError: they repeatedly end otherwise.
        """
        broken = self._broken
        expected = effect(broken.site.application, {}, broken.policies).attempts(0)
        for _ in range(MAX_CLUSTERS):
            cluster = self._intact()
            try:
                cluster.apply(broken.policies)
                cluster.settle()
                state = self._look(cluster)
            except BaseException:
                _give_back(cluster)
                raise
            if (state.attempts == expected).all():
                return cluster, state
            _give_back(cluster)
        shown = [*describe_mismatches(broken.site.application, expected, state.attempts)]
        raise InfrarayError(
            f"kubernetes_policy: attempts end otherwise than the policies say, {MAX_CLUSTERS} times: {shown[:3]}"
        )

    def _intact(self) -> Cluster | RemoteCluster:
        """A cluster with the application and without policies."""
        manifests = self._application.manifests()
        if self.parameters.backend == "kubeconfig":
            if self._remote is None:
                raise InfrarayError(
                    "kubernetes_policy: backend='kubeconfig': an episode in such a cluster cannot be copied; play it "
                    "again from its start"
                )
            remote = self._remote.take(manifests)
            for pod in listed(remote, "Pod", READ["Pod"]):
                if ip_address(address := pod["status"]["podIP"]) not in POD_NETWORKS:
                    raise Unavailable(
                        f"backend='kubeconfig': pod {pod['metadata']['name']} has the address {address}; choose a "
                        f"cluster whose pods' are in {POD_NETWORKS}, since tasks take other networks for others'"
                    )
            return remote
        cluster = self._clusters().take()
        if self.parameters.application == "generated":
            cluster.apply(manifests)
        return cluster

    def _relocate(self) -> None:
        """Moves the task into namespaces of its own."""
        if self._remote is None:
            self._remote = RemoteSupply(self.parameters.context, self.parameters.image)
        namespaces = dict.fromkeys(workload.namespace for workload in self._application.workloads)
        names = self._remote.names(namespaces, anew=self.parameters.application == "generated")
        self._broken = relocated(self._broken, names)

    def _clusters(self) -> ClusterSupply:
        if self._supply is None:
            boutique = self.parameters.application == "boutique"
            pods, api_server = self.parameters.num_workloads, self.parameters.api_server
            manifests = online_boutique().manifests() if boutique else ()
            self._supply = share(
                ("clusters", boutique, pods, api_server),
                lambda: ClusterSupply(manifests, pods=pods, api_server=api_server),
            )
        return self._supply

    def _end_cluster(self) -> None:
        if self._cluster is not None:
            _give_back(self._cluster)
            self._cluster = None

    def _facts(self, deed: str) -> dict[str, Any]:
        """The recorded facts of a step, and for the first one the origin of the task."""
        return {"deed": deed} if self._executed else {"deed": deed, **self._origin}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cluster": None, "_supply": None, "_remote": None}


def _give_back(cluster: Cluster | RemoteCluster) -> None:
    """Ends a cluster of ours; a remote one is restored when its supply gives it to the next episode."""
    if isinstance(cluster, Cluster):
        cluster.close()
