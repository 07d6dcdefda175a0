"""Vector environments: thousands of tasks of one scenario played at once in NumPy.

Numbers only: for the same seeds and actions, observations, rewards and scores equal those of
the single environment with ``text=False``, step for step.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from infraray.answers.form import shown
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.observation import NumericObservation
from infraray.seeds import checked_seed, is_whole

Rows = NDArray[np.int64]
"""Task indices, shape ``(some,)``."""


class VectorEnvironment(VectorEnv[Any, Any, Any]):
    """Base class of the scenarios' vector environments.

    Observations are `NumericObservation` of shape ``(num_envs, layout.size)``. An action out of range is the caller's
    mistake and raises; handling agents' invalid actions is left to the single environment.

    What happens after a task ends is set by ``autoreset_mode``, in Gymnasium's sense, and repeated in ``metadata``:

    - ``NextStep``: the row's next step ignores its action and starts a new task, with reward 0.
    - ``SameStep``: the new task starts at once; ``final_obs`` and ``final_info`` in ``info`` describe the old one's
      end.
    - ``Disabled``: nothing is reset automatically. A task that has ended stays ``terminated``, with reward 0, until a
      reset marks it in ``reset_mask``; once all have ended, a step raises.

    New tasks without a seed are derived from the row's last seed, as in the single environment. In the rows that
    ``info["_score"]`` marks, tasks have ended with the scores in ``info["score"]`` (``SameStep``: in ``final_info``).

    Args:
        num_envs: tasks played at once.
        autoreset_mode: one of the three, or Gymnasium's `AutoresetMode`.
        arguments: the single environment's, without ``invalid_action`` and ``max_episode_steps``.
    """

    environment_class: ClassVar[type[Environment]]
    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012 (Gymnasium's)

    def __init__(
        self, num_envs: int = 1, *, autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP, **arguments: Any
    ) -> None:
        if not is_whole(num_envs) or num_envs < 1:
            raise InfrarayError(f"num_envs={num_envs!r}: must be a whole number of at least 1")
        if arguments.pop("text", False) is not False:
            raise InfrarayError("text: a vector environment shows numbers only; give text=False or leave it out")
        for name in ("invalid_action", "invalid_penalty", "max_episode_steps"):
            if name in arguments:
                raise InfrarayError(f"{name}: a vector environment takes valid actions only and plays tasks to the end")
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.single = self.environment_class(text=False, **arguments)
        self.num_envs = int(num_envs)
        self.single_observation_space = self.single.observation_space
        self.single_action_space = self.single.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.rows = np.arange(self.num_envs)
        self.seeds: list[int] | None = None
        """The seeds of the tasks being played."""
        self._series: list[np.random.Generator | int | None] = [None] * self.num_envs
        """The generators of each row's next seeds; only a seed until a generator is needed."""
        self._over = np.zeros(self.num_envs, bool)
        """Rows whose task has ended and has not been replaced yet."""
        self._scores = np.full(self.num_envs, np.nan)
        self._last_numbers = np.zeros(self.observation_space.shape or ())

    @abstractmethod
    def begin(self, seeds: Sequence[int]) -> None:
        """Generates one task per seed and advances each to its first decision."""

    @abstractmethod
    def restart(self, rows: Rows, seeds: Sequence[int]) -> None:
        """Replaces the tasks of some rows with new ones, one per seed; the others continue."""

    @abstractmethod
    def numbers(self) -> NDArray[np.float64]:
        """The current numeric observations, a fresh array of shape ``(num_envs, layout.size)``."""

    @abstractmethod
    def advance(self, actions: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_] | bool]:
        """Carries out one valid action per task; its effect on tasks that have ended does not matter.

        Returns:
            Rewards of shape ``(num_envs,)``, and which tasks have ended (one value if all end together).
        """

    @abstractmethod
    def scores(self) -> NDArray[np.float64]:
        """The scores so far, shape ``(num_envs,)``; NaN if nothing has been scored yet."""

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NumericObservation, dict[str, Any]]:
        """Starts a task in every row, or in the rows marked by ``options["reset_mask"]``.

        Args:
            seed: row 0's seed, followed by consecutive ones for the other rows; or one per row, None for the next of
                its series.
            options: ``reset_mask``, an array of ``num_envs`` truth values, at least one of them true.

        Raises:
            InfrarayError: a seed or an option is invalid, or an unmarked row has no task yet.
        """
        rows = self._rows_to_reset({} if options is None else options)
        given = self._seeds_given(seed)
        super().reset(seed=given[0] if is_whole(seed) else None)
        for row in rows.tolist():
            if given[row] is not None:
                self._series[row] = given[row]
        self._start(rows, [given[row] for row in rows.tolist()])
        return self._observe(), {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NumericObservation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Takes one action per task."""
        mode, over = self.autoreset_mode, self._over
        some_over = bool(over.any())
        if self.seeds is None or (mode == AutoresetMode.DISABLED and some_over and over.all()):
            raise InfrarayError(f"{self.single.scenario}: step() outside an episode; call reset(seed=...) first")
        rewards, ended = self._play(self._checked(actions), some_over)
        if mode == AutoresetMode.NEXT_STEP and some_over:
            self._start(np.flatnonzero(over))
        if mode == AutoresetMode.DISABLED and some_over:
            ended |= over
        info: dict[str, Any] = {}
        if ended.any():
            info = {"score": np.where(ended, self._scores, np.nan), "_score": ended.copy()}
        if mode != AutoresetMode.SAME_STEP:
            self._over = ended.copy()
        elif info:
            info = {"final_obs": self._rows_apart(ended), "_final_obs": ended.copy(), "final_info": info}
            info["_final_info"] = ended.copy()
            self._start(np.flatnonzero(ended))
        return self._observe(), rewards, ended, np.zeros(self.num_envs, bool), info

    def _play(self, actions: NDArray[np.int64], some_over: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Rewards, and which running tasks have just ended; keeps their final results."""
        if some_over and self._over.all():
            return np.zeros(self.num_envs), np.zeros(self.num_envs, bool)
        rewards, ends = self.advance(actions)
        rewards = rewards * self.single.reward_scale
        ended = np.broadcast_to(ends, self.num_envs).copy()
        if some_over:
            rewards[self._over] = 0.0
            ended &= ~self._over
        if ended.any():
            np.copyto(self._scores, self.scores(), where=ended)
            if self.autoreset_mode == AutoresetMode.DISABLED:
                self._last_numbers[ended] = self.numbers()[ended]
        return rewards, ended

    def _observe(self) -> NumericObservation:
        """The current observations; for tasks waiting for a reset, their last ones."""
        numbers = self.numbers()
        if self.autoreset_mode == AutoresetMode.DISABLED and self._over.any():
            numbers[self._over] = self._last_numbers[self._over]
        return NumericObservation(self.single.layout, numbers)

    def _rows_apart(self, marked: NDArray[np.bool_]) -> NDArray[np.object_]:
        """The observations of some rows, one per entry, None for the others: Gymnasium's form of ``final_obs``."""
        apart = np.full(self.num_envs, None, dtype=object)
        numbers = self.numbers()
        for row in np.flatnonzero(marked):
            apart[row] = NumericObservation(self.single.layout, numbers[row].copy())
        return apart

    def _start(self, rows: Rows, given: Sequence[int | None] | None = None) -> None:
        """Starts tasks with the given seeds, or the next of the row's series where none is given."""
        wanted = [None] * len(rows) if given is None else given
        pairs = zip(rows.tolist(), wanted, strict=True)
        seeds = [self._next_seed(row) if seed is None else seed for row, seed in pairs]
        if len(rows) == self.num_envs:
            self.begin(seeds)
            self.seeds = seeds
        else:
            assert self.seeds is not None
            self.restart(rows, seeds)
            for row, seed in zip(rows.tolist(), seeds, strict=True):
                self.seeds[row] = seed
        self._over[rows] = False
        self._scores[rows] = np.nan

    def _next_seed(self, row: int) -> int:
        """The seed that the single environment draws in a `reset` without one."""
        series = self._series[row]
        if series is None:
            series = int(self.np_random.integers(2**31))
        if isinstance(series, int):
            series, _ = np_random(series)
        self._series[row] = series
        return int(series.integers(2**31))

    def _rows_to_reset(self, options: dict[str, Any]) -> Rows:
        owner, count = self.single.scenario, self.num_envs
        unknown = options.keys() - {"reset_mask"}
        if unknown:
            raise InfrarayError(
                f"{owner}: options: unknown {', '.join(sorted(map(str, unknown)))}; only reset_mask is known"
            )
        if "reset_mask" not in options:
            return self.rows
        mask = np.asarray(options["reset_mask"])
        if mask.dtype != np.bool_ or mask.shape != (count,) or not mask.any():
            raise InfrarayError(
                f"{owner}: reset_mask={shown(mask)}: must be an array of {count} truth values, not all false"
            )
        if self.seeds is None and not mask.all():
            raise InfrarayError(f"{owner}: reset_mask: the other rows have no task yet; reset all of them first")
        return np.flatnonzero(mask)

    def _seeds_given(self, seed: Any) -> list[int | None]:
        """One seed per row."""
        owner, count = self.single.scenario, self.num_envs
        if seed is None:
            return [None] * count
        if isinstance(seed, list | tuple | range | np.ndarray) and np.ndim(np.asarray(seed, object)) == 1:
            if len(seed) != count:
                raise InfrarayError(
                    f"{owner}: seed: must be one number or {count} numbers, one per task, not {len(seed)}"
                )
            return [None if value is None else checked_seed(value, owner) for value in seed]
        first = checked_seed(seed, owner)
        return list(range(first, first + count))

    def _checked(self, given: Any) -> NDArray[np.int64]:
        actions = np.asarray(given)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise InfrarayError(f"actions: must be {self.num_envs} whole numbers, not {actions.shape} {actions.dtype}")
        space = self.single_action_space
        if isinstance(space, spaces.Discrete) and (actions.min() < 0 or actions.max() >= space.n):
            raise InfrarayError(f"actions: must be from 0 to {space.n - 1}")
        return actions.astype(np.int64, copy=False)


def _autoreset_mode(given: Any) -> AutoresetMode:
    try:
        return AutoresetMode(given)
    except ValueError:
        known = ", ".join(mode.value for mode in AutoresetMode)
        raise InfrarayError(f"autoreset_mode={given!r}: must be one of {known}") from None
