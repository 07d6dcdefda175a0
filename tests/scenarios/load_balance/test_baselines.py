"""Each classical policy decides as its definition says."""

import numpy as np
import pytest

import infraray
from infraray.agents import Briefing, load_agent
from infraray.observation import Observation
from infraray.scenarios.load_balance.jobs import draw_sizes


class Table:
    """Briefs agents and shows them states of three servers with rates 1, 2 and 4."""

    def __init__(self, **parameters):
        self.environment = infraray.make("load_balance", service_rates=[1.0, 2.0, 4.0], **parameters)

    def brief(self, spec, seed=0):
        agent = load_agent(f"scripted:{spec}", "load_balance")
        agent.reset(Briefing.of(self.environment, seed))
        return agent

    def show(self, queues=(0, 0, 0), work=(0.0, 0.0, 0.0), size=1.0):
        numbers = np.array([*queues, *work, 1.0, 2.0, 4.0, size], np.float64)
        return Observation(self.environment.layout, numeric_observation=numbers)


@pytest.mark.parametrize(
    ("agent", "state", "server"),
    [
        ("join_shortest_queue", {"queues": (2, 1, 3)}, 1),
        ("join_shortest_queue", {"queues": (1, 1, 2)}, 1),
        ("join_shortest_queue", {}, 2),
        ("least_work_left", {"work": (2.0, 2.0, 8.0)}, 1),
        ("least_work_left", {"work": (1.0, 0.0, 0.0), "size": 100.0}, 2),
        ("least_work_left", {"work": (0.0, 1.0, 1.0), "size": 100.0}, 0),
        ("earliest_completion", {"work": (0.0, 1.0, 1.0), "size": 100.0}, 2),
        ("earliest_completion", {"work": (0.0, 3.0, 9.0), "size": 1.0}, 0),
    ],
)
def test_policy_picks_what_its_definition_says(agent, state, server):
    table = Table()
    assert table.brief(agent).act(table.show(**state)) == server


def test_round_robin_goes_round_from_the_first_server_in_every_episode():
    table = Table()
    agent = table.brief("round_robin")
    assert [agent.act(table.show()) for _ in range(5)] == [0, 1, 2, 0, 1]
    agent.reset(Briefing.of(table.environment, 1))
    assert agent.act(table.show()) == 0


@pytest.mark.parametrize(("agent", "shares"), [("random", [1 / 3] * 3), ("weighted_random", [1 / 7, 2 / 7, 4 / 7])])
def test_random_policies_draw_with_their_shares(agent, shares):
    table = Table()
    drawing = table.brief(agent)
    counts = np.bincount([drawing.act(table.show()) for _ in range(20_000)], minlength=3)
    np.testing.assert_allclose(counts / 20_000, shares, atol=3.3 * 0.5 / np.sqrt(20_000))


def test_power_of_two_never_takes_the_longest_of_three_queues():
    table = Table()
    agent = table.brief("power_of_two")
    taken = {agent.act(table.show(queues=(5, 2, 9))) for _ in range(200)}
    assert taken == {0, 1}


@pytest.mark.parametrize("choices", [3, 100])
def test_power_of_all_choices_is_join_the_shortest_queue(choices):
    table = Table()
    agent, shortest = table.brief(f"power_of_two?choices={choices}"), table.brief("join_shortest_queue")
    for queues in np.random.default_rng(0).integers(5, size=(50, 3)):
        assert agent.act(table.show(queues=queues)) == shortest.act(table.show(queues=queues))


@pytest.mark.parametrize(
    "sizes",
    [
        {"job_sizes": "exponential"},
        {"job_sizes": "lognormal", "lognormal_sigma": 1.0},
        {"job_sizes": "pareto", "pareto_shape": 3.0},
    ],
)
def test_sita_e_gives_every_server_the_same_load(sizes):
    table = Table(**sizes)
    agent = table.brief("sita_e")
    sizes = draw_sizes(table.environment.parameters, np.random.default_rng(5), 50_000)
    servers = np.array([agent.act(table.show(size=size)) for size in sizes])
    work = np.bincount(servers, weights=sizes, minlength=3)
    np.testing.assert_allclose(work / work.sum(), [1 / 7, 2 / 7, 4 / 7], rtol=0.04)
    assert sizes[servers == 0].max() <= sizes[servers == 1].min() <= sizes[servers == 2].max()


def test_sita_e_sends_small_jobs_to_the_slow_server_whatever_the_order_of_the_servers():
    environment = infraray.make("load_balance", service_rates=[4.0, 1.0, 2.0])
    agent = load_agent("scripted:sita_e", "load_balance")
    agent.reset(Briefing.of(environment, 0))
    for size, server in ((1e-9, 1), (1e9, 0)):
        numbers = np.array([0, 0, 0, 0, 0, 0, 4.0, 1.0, 2.0, size], np.float64)
        assert agent.act(Observation(environment.layout, numeric_observation=numbers)) == server


def test_policies_that_look_at_work_do_best_at_the_defaults():
    scores = {}
    for name in ("random", "round_robin", "join_shortest_queue", "least_work_left", "earliest_completion"):
        environment = infraray.make("load_balance", text=False)
        agent = load_agent(f"scripted:{name}", "load_balance")
        scores[name] = []
        for seed in range(20):
            observation, _ = environment.reset(seed=seed)
            agent.reset(Briefing.of(environment, seed))
            over = False
            while not over:
                observation, _, over, _, _ = environment.step(agent.act(observation))
            scores[name].append(environment.verdict().score)
    means = {name: np.mean(found) for name, found in scores.items()}
    assert max(means["least_work_left"], means["earliest_completion"]) < means["join_shortest_queue"]
    assert 2 * means["join_shortest_queue"] < min(means["round_robin"], means["random"])
