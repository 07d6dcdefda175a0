"""Tests that a seed determines everything, everywhere."""

from __future__ import annotations

import pickle

from infraray.agents import registered_agents
from infraray.testing.case import ScenarioCase
from infraray.testing.fresh_process import digests_in_fresh_process, episode_digests
from infraray.testing.playing import Draws, plain, play, play_on


class DeterminismConformance(ScenarioCase):
    """Equal tasks play out equally, in this process, in another and after pickling."""

    def test_equal_seeds_give_equal_episodes(self) -> None:
        """Even with another task in between, and in another instance."""
        environment, other = self.make(), self.make()
        first, second = self.seeds[:2]
        once = play(environment, Draws(environment, 0), first)
        play(environment, Draws(environment, 1), second)
        assert play(environment, Draws(environment, 0), first) == once
        assert play(other, Draws(other, 0), first) == once

    def test_equal_seeds_give_equal_verdicts(self) -> None:
        """Score, metrics and bound are determined by the task and the actions."""
        verdicts = []
        for _ in range(2):
            environment = self.make()
            play(environment, Draws(environment, 0), self.seeds[0])
            verdicts.append(plain([vars(environment.verdict()), environment.bound()]))
        assert verdicts[0] == verdicts[1]

    def test_different_seeds_give_different_tasks(self) -> None:
        """The same actions lead to different results."""
        episodes = [self.drawn(seed, 0) for seed in self.seeds]
        assert all(a != b for number, a in enumerate(episodes) for b in episodes[:number])

    def test_other_processes_play_the_same_episodes(self) -> None:
        """With every registered agent, regardless of the order that Python's hashes give to sets there."""
        registration = self.registration()
        agents = registered_agents(registration.name)
        here = episode_digests(registration.id, agents, self.small_arguments(), self.seeds[0])
        there = digests_in_fresh_process(registration, agents, self.small_arguments(), self.seeds[0], hash_seed=4242)
        assert here == there

    def test_text_changes_nothing_but_the_text(self) -> None:
        """Numbers and rewards are the same with text off, the mode in which speed is measured."""
        if not self.make().layout.size:
            return
        silent = self.make(text=False)
        without = play(silent, Draws(silent, 0), self.seeds[0])
        with_text = self.drawn(self.seeds[0], 0)
        assert [[step[0]["numeric_observation"], *step[1:]] for step in with_text] == without

    def test_reset_without_a_seed_goes_on_to_new_tasks(self) -> None:
        """The series is derived from the last seed, so it can be repeated."""
        series = []
        for _ in range(2):
            environment = self.make()
            environment.reset(seed=self.seeds[0])
            tasks = []
            for _ in range(3):
                environment.reset()
                assert environment.task is not None
                tasks.append(environment.task.seed)
            assert len({self.seeds[0], *tasks}) == 4
            series.append(tasks)
        assert series[0] == series[1]
        unseeded = self.make()
        unseeded.reset()
        assert unseeded.task is not None

    def test_pickled_environment_goes_on_as_the_original(self) -> None:
        """In the middle of an episode."""
        environment = self.make()
        draw = Draws(environment, 0)
        observation, _ = environment.reset(seed=self.seeds[0])
        over = False
        for _ in range(10):
            if not over:
                observation, _, terminated, truncated, _ = environment.step(draw())
                over = terminated or truncated
        copied, copied_draw = pickle.loads(pickle.dumps((environment, draw)))
        if not over:
            assert play_on(environment, draw, observation) == play_on(copied, copied_draw, observation)
        assert plain(vars(environment.verdict())) == plain(vars(copied.verdict()))

    def test_pickled_observation_is_the_original(self) -> None:
        """With its named fields."""
        environment = self.make()
        observation, _ = environment.reset(seed=self.seeds[0])
        copied = pickle.loads(pickle.dumps(observation))
        assert plain(copied) == plain(observation)
        for field in environment.layout.fields:
            assert plain(getattr(copied, field.name)) == plain(getattr(observation, field.name))

    def test_observations_are_not_written_to_later(self) -> None:
        """An observation kept by an agent or a collector does not change."""
        environment = self.make()
        draw = Draws(environment, 0)
        observation, _ = environment.reset(seed=self.seeds[0])
        seen = [observation]
        then = [plain(observation)]
        over = False
        while not over:
            observation, _, terminated, truncated, _ = environment.step(draw())
            seen.append(observation)
            then.append(plain(observation))
            over = terminated or truncated
        assert plain(seen) == then
