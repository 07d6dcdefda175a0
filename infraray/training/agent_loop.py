"""The agent loop for verl: each rollout of a training step plays an episode of one of our environments.

verl finds it by the name in a row's ``agent_name`` (`infraray.training.task.AGENT_NAME`), through a YAML file that
``actor_rollout_ref.rollout.agent.agent_loop_config_path`` names, and that all of its workers read;
`infraray.training.grpo` writes it.

Each rollout is collected before the trainer sees it, and what the trainer is given is read from what was collected
(`infraray.training.record`). One that is collected already, by a step that was killed, is not played again.

What verl does with what `InfrarayAgentLoop.run` returns, and says nowhere (0.9.1, ``trainer/ppo/v1``):

- A list is one episode in several rows. Its reward is that of the last row, copied to the others, which fails without
  ``reward_extra_info``. Its advantage is read at the last row's first generated token. So every row has all of it, and
  ends with a generated token (`infraray.training.sequences`).
- Only for ``algorithm.adv_estimator=grpo`` do the rows of an episode count once in their group. For all others each row
  is a sample of its own: an episode in several rows is refused.
- ``actor.loss_agg_mode`` may count rows instead of episodes (`infraray.training.sequences.row_weights`): refused too.
- An exception fails the whole group. An empty list drops one rollout. An invented row would enter the group's mean. So
  an environment's failure is played again and then dropped, and an exception means that something must be put right.
- A rollout that never returns stops the training for ever: everything here has a limit in seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from verl.experimental.agent_loop import AgentLoopBase, AgentLoopOutput
from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics

from infraray.actors.imports import Imports
from infraray.actors.rollout import pack
from infraray.episodes import EpisodeSpec, Trajectory
from infraray.errors import InfrarayError
from infraray.training.collected import find_collector
from infraray.training.dataset import TRAIN
from infraray.training.grpo_file import CollectedSection
from infraray.training.hosts import EnvironmentLost, Hosts
from infraray.training.prompt_tokens import PromptTokens
from infraray.training.record import COLUMNS, RolloutRecord, Weights, rollout_spec, rollout_trajectory
from infraray.training.recorded_run import BASE_VERSION, recorded_run
from infraray.training.rollout import Generated, Rolled, Rollout
from infraray.training.sequences import Lengths, TokenSequence, Versions, row_weights
from infraray.training.task import TASK_KEY, TrainingTask
from infraray.trajectories.encoding import decode

log = logging.getLogger(__name__)


class InfrarayAgentLoop(AgentLoopBase):  # type: ignore[misc]
    """Plays the task in a row's ``extra_info`` with the policy; made by verl for each rollout.

    Args:
        arguments: verl's.
        training: the training's name.
        collector: the name of the collector's actor (`infraray.training.collected`).
        start: how often the training was started before.
        resumed_version: the version of the weights with which this start began; -1 if rollouts of earlier starts are
            not to be found again, since the trainer keeps them itself.
        resumed_start: the start that made those weights.
        collected: a run whose episodes are taken before new ones are played (`CollectedSection`), as plain data.
        sources: the content of the user's files that register scenarios, by path.
        episode_s: seconds after which a rollout is asked no more and ends with what was scored so far; attempts that
            failed included.
        environment_s: seconds after which an environment that does not answer counts as hung.
        attempts: times that a task is begun until its rollout is given up, since environments fail.
        actor_options: Ray's options for the actors that play environments: ``num_cpus``, ``resources``.
        named: verl's further arguments.
    """

    _hosts: ClassVar[dict[str, Hosts]] = {}
    """Of this process, by their options: the loops of many rollouts lend from the same."""

    def __init__(
        self,
        *arguments: Any,
        training: str,
        collector: str,
        start: int = 0,
        resumed_version: int = 0,
        resumed_start: int = 0,
        collected: Mapping[str, Any] | None = None,
        sources: Mapping[str, str] | None = None,
        episode_s: float = 600.0,
        environment_s: float = 120.0,
        attempts: int = 3,
        actor_options: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self.training = training
        self.collector_name = collector
        self.start = start
        self.resumed_version = resumed_version
        self.resumed_start = resumed_start
        self.collected = None if collected is None else CollectedSection(**collected)
        self.imports = Imports({path: source.encode() for path, source in (sources or {}).items()})
        self.imports.load()
        self.episode_s = episode_s
        self.environment_s = environment_s
        self.attempts = attempts
        self.actor_options = {name: _plain(value) for name, value in (actor_options or {}).items()}

    @property
    def hosts(self) -> Hosts:
        """Lends environments."""
        key = json.dumps([self.environment_s, self.actor_options], sort_keys=True)
        if key not in self._hosts:
            self._hosts[key] = Hosts(self.environment_s, self.actor_options, self.imports)
        return self._hosts[key]

    @property
    def lengths(self) -> Lengths:
        """The most tokens that a row may have."""
        return Lengths(int(self.rollout_config.prompt_length), int(self.rollout_config.response_length))

    @property
    def context_tokens(self) -> int:
        """The most tokens that the server takes and gives at once."""
        return int(self.rollout_config.get("max_model_len") or self.lengths.prompt + self.lengths.response)

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput | list[AgentLoopOutput]:
        """Plays one rollout, unless it is collected already.

        Args:
            sampling_params: verl's.
            kwargs: the columns of the data set's row (`infraray.training.dataset`), and the step, the group and the
                place in it.

        Returns:
            The rows of the episode; an empty list if its environments failed, or nothing was generated.

        Raises:
            InfrarayError: the row, the task or verl's configuration must be put right.
        """
        task = read_task(kwargs)
        collector = await asyncio.to_thread(find_collector, self.collector_name)
        weights = self._weights(int(kwargs["global_steps"]) - 1)
        of_task = f"{weights.version + 1}-{kwargs['extra_info']['split']}-{int(kwargs['index'])}"
        group = f"{of_task}-{await collector.number.remote(of_task, str(kwargs['uid']))}"
        label = str(kwargs["data_source"])
        spec = await asyncio.to_thread(rollout_spec, task, label, weights, group, int(kwargs["session_id"]))
        stored = await collector.find.remote(spec.id, weights.agent)
        if stored is None:
            is_training = kwargs["extra_info"]["split"] == TRAIN
            trajectory = await asyncio.to_thread(self._recorded, task, spec, group, weights) if is_training else None
            trajectory = trajectory or await self._play(task, spec, group, sampling_params)
            if trajectory is None:
                return []
            _, message = await asyncio.to_thread(pack, self.training, [trajectory])
            stored = await collector.collect.remote(message, weights.agent)
            stored = decode(message.body, COLUMNS) if stored is None else stored
        return self._rows(RolloutRecord.read(stored))

    def _weights(self, version: int) -> Weights:
        """The weights of a version, in this start of the training."""
        made_by = self.resumed_start if version == self.resumed_version else self.start
        return Weights(self.training, version, made_by)

    def _recorded(self, task: TrainingTask, spec: EpisodeSpec, group: str, weights: Weights) -> Trajectory | None:
        """The rollout as a run has played it, if it has and the policy has not moved too far since."""
        collected = self.collected
        if collected is None or weights.version - BASE_VERSION > collected.max_staleness:
            return None
        rolled = recorded_run(collected.run, collected.agent).rolled(task, spec.repetition, self.lengths)
        if rolled is None:
            return None
        return rollout_trajectory(spec, task, rolled, group, 0, datetime.now(UTC), 0.0)

    async def _play(
        self, task: TrainingTask, spec: EpisodeSpec, group: str, sampling_params: dict[str, Any]
    ) -> Trajectory | None:
        """Plays a rollout; None if its environments failed, or nothing was generated."""
        now = asyncio.get_running_loop().time
        ends_at = now() + self.episode_s
        # The policy is not asked after `ends_at`; what may still be under way then is a step and the verdict.
        last = ends_at + 2 * self.environment_s
        for attempt in range(1, self.attempts + 1):
            started_at, began = datetime.now(UTC), now()
            try:
                rolled = await self._attempt(task, spec.agent_seed, sampling_params, ends_at, last)
            except EnvironmentLost as lost:
                is_over = attempt == self.attempts or now() >= ends_at
                then = "given up" if is_over else "played again"
                told = "%s, seed %d, attempt %d: the environment %s; %s"
                log.warning(told, task.scenario, task.seed, attempt, lost, then)
                if is_over:
                    return None
                continue
            if not rolled.sequences:
                log.warning("%s, seed %d: the policy generated nothing; left out", task.scenario, task.seed)
                return None
            return rollout_trajectory(spec, task, rolled, group, attempt, started_at, now() - began)
        raise AssertionError("the last attempt returns")

    async def _attempt(
        self, task: TrainingTask, agent_seed: int, sampling_params: dict[str, Any], ends_at: float, last: float
    ) -> Rolled:
        """Plays the task once.

        Raises:
            EnvironmentLost: the environment died, hung or failed.
        """
        request_id = uuid4().hex

        async def generate(prompt_ids: list[int], options: Mapping[str, Any]) -> Generated:
            output = await self.server_manager.generate(
                request_id=request_id, prompt_ids=prompt_ids, sampling_params={**sampling_params, **options}
            )
            ids = list(output.token_ids)
            logprobs = list(output.log_probs) if output.log_probs and len(output.log_probs) == len(ids) else None
            oldest, newest = (output.extra_fields.get(f"{end}_global_steps") for end in ("min", "max"))
            versions = None if oldest is None or newest is None else Versions(int(oldest), int(newest))
            return Generated(ids, logprobs, versions, output.stop_reason == "aborted")

        tokens = PromptTokens(self.tokenizer, self.apply_chat_template_kwargs)
        rollout = Rollout(task, generate, tokens, self.lengths, self.context_tokens, ends_at)
        try:
            async with asyncio.timeout_at(last) as timeout, self.hosts.one() as host:
                return await rollout.play(host, agent_seed)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise EnvironmentLost("hung", f"not over {2 * self.environment_s:g} s after its deadline") from None

    def _rows(self, record: RolloutRecord) -> AgentLoopOutput | list[AgentLoopOutput]:
        """What verl is given: one row for each sequence, each with all that it reads in any."""
        self._check_rows(record.sequences)
        figures = record.figures
        metrics = AgentLoopMetrics(generate_sequences=figures["generating_s"], tool_calls=figures["waiting_s"])
        rows = [
            AgentLoopOutput(
                prompt_ids=list(sequence.prompt_ids),
                response_ids=list(sequence.response_ids),
                response_mask=list(sequence.response_mask),
                response_logprobs=None if sequence.response_logprobs is None else list(sequence.response_logprobs),
                reward_score=record.reward,
                num_turns=2 * int(figures["answers"]),
                metrics=metrics,
                extra_fields={
                    "reward_extra_info": dict(figures),
                    "min_global_steps": None if sequence.versions is None else sequence.versions.oldest,
                    "max_global_steps": None if sequence.versions is None else sequence.versions.newest,
                    "ending": record.ending,
                    "states": list(record.steps.states),
                    "step_rewards": list(record.steps.rewards),
                    "token_steps": sequence.token_steps,
                },
            )
            for sequence in record.sequences
        ]
        return rows[0] if len(rows) == 1 else rows

    def _check_rows(self, sequences: Sequence[TokenSequence]) -> None:
        """Refuses an episode in several rows where verl would count it several times.

        Raises:
            InfrarayError: it would.
        """
        if len(sequences) == 1:
            return
        estimator = str(self.config.algorithm.adv_estimator).lower()
        if estimator != "grpo":
            raise InfrarayError(
                f"algorithm.adv_estimator={estimator!r}: would take an episode in {len(sequences)} sequences for as "
                "many episodes; take grpo, or a memory and a context in which no turn is forgotten"
            )
        aggregation = str(self.config.actor_rollout_ref.actor.loss_agg_mode)
        if any(weight != 1.0 for weight in row_weights(sequences, aggregation)):
            raise InfrarayError(
                f"actor.loss_agg_mode={aggregation!r}: would count an episode in {len(sequences)} sequences as many "
                "times; take token-mean or seq-mean-token-sum"
            )


def read_task(row: Mapping[str, Any]) -> TrainingTask:
    """The task of a data set's row.

    Raises:
        InfrarayError: it has none.
    """
    told = (row.get("extra_info") or {}).get(TASK_KEY)
    if not isinstance(told, str):
        raise InfrarayError(f"extra_info.{TASK_KEY}: missing; write the data with infraray.training.dataset")
    return TrainingTask.parse_json(told)


def _plain(value: Any) -> Any:
    """A value of an option, without OmegaConf's containers."""
    return {str(name): _plain(part) for name, part in value.items()} if isinstance(value, Mapping) else value
