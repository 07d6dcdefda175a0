"""The environment and its agents."""

import math
import string

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import infraray
from infraray import InfrarayError
from infraray.agents import Briefing, load_agent
from infraray.scenarios.caching.environment import Caching
from infraray.scenarios.caching.policies import EVICTION_POLICIES, AdaptSize, SizeAware, replay

POLICIES = {**EVICTION_POLICIES, "size_aware": SizeAware, "adaptsize": AdaptSize}


def play(env, spec, seed):
    """Plays an episode; returns the sum of its rewards."""
    agent = load_agent(spec, "caching")
    observation, _ = env.reset(seed=seed)
    agent.reset(Briefing.of(env, seed=0))
    total, terminated = 0.0, False
    while not terminated:
        observation, reward, terminated, _, info = env.step(agent.act(observation))
        assert info["valid"]
        total += reward
    return total


def replayed_hits(env, policy):
    keys, sizes = env.requests.keys.tolist(), env.requests.sizes.tolist()
    warmup = env.parameters.warmup_requests
    replay(policy, keys[:warmup], sizes[:warmup])
    return replay(policy, keys[warmup:], sizes[warmup:])


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    "parameters",
    [{}, {"sizes": "equal"}, {"max_hits_per_step": 1}, {"capacity_bytes": 90_000, "min_size_bytes": 4096}],
    ids=["default", "equal", "one_request_a_step", "with_objects_larger_than_the_cache"],
)
def test_agent_hits_exactly_what_its_policy_hits_in_a_plain_replay(name, parameters):
    env = infraray.make("caching", text=False, **parameters)
    for seed in range(2):
        hits = play(env, f"scripted:{name}", seed)
        policy = POLICIES[name](env.parameters.capacity_bytes)
        assert hits == replayed_hits(env, policy) == 1000 * env.verdict().score


@pytest.mark.parametrize("eviction", EVICTION_POLICIES)
def test_admitting_everything_is_the_eviction_policy(eviction):
    env = infraray.make("caching", text=False, decision="admission", eviction=eviction)
    hits = play(env, "scripted:lru", seed=1)
    assert hits == replayed_hits(env, EVICTION_POLICIES[eviction](env.parameters.capacity_bytes))


@pytest.mark.parametrize("name", ["size_aware", "adaptsize"])
def test_admission_agents_hit_what_they_hit_in_a_plain_replay(name):
    env = infraray.make("caching", text=False, preset="admission")
    assert play(env, f"scripted:{name}", seed=1) == replayed_hits(env, POLICIES[name](env.parameters.capacity_bytes))


def test_options_reach_the_policy():
    env = infraray.make("caching", text=False)
    hits = play(env, "scripted:s3_fifo?small_share=0.4", seed=2)
    assert hits == replayed_hits(env, EVICTION_POLICIES["s3_fifo"](env.parameters.capacity_bytes, small_share=0.4))


@pytest.mark.parametrize(
    "spec", ["s3_fifo?small_share=2", "w_tiny_lfu?window_share=x", "adaptsize?tuning_interval=0.5"]
)
def test_bad_option_is_refused_at_once(spec):
    with pytest.raises(InfrarayError, match=r"agent scripted:\w+: \w+=.*must be "):
        load_agent(f"scripted:{spec}", "caching")


def test_agents_go_on_when_their_victim_is_not_shown():
    env = infraray.make("caching", text=False, candidates=4)
    for name in POLICIES:
        play(env, f"scripted:{name}", seed=0)
        assert 0 < env.verdict().score <= env.bound()


def test_leaderboard_order_is_plausible():
    env = infraray.make("caching", text=False)
    means = {}
    for name in ("random", "fifo", "lru", "sieve", "s3_fifo"):
        means[name] = np.mean([play(env, f"scripted:{name}", seed) for seed in range(10)])
    assert means["fifo"] < means["lru"] < min(means["sieve"], means["s3_fifo"])
    assert means["random"] < means["sieve"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "parameters",
    [{}, {"text": False}, {"preset": "admission"}, {"preset": "recorded"}, {"max_hits_per_step": 1}, {"candidates": 3}],
)
def test_gymnasium_finds_no_fault(parameters):
    check_env(gymnasium.make("infraray/Caching-v0", **parameters).unwrapped)


def test_every_request_is_shown_and_scored_once():
    env = infraray.make("caching", text=False, max_hits_per_step=3, num_objects=30)
    observation, _ = env.reset(seed=0)
    shown, terminated, random = [], False, np.random.default_rng(0)
    while True:
        shown += [int(key) for key in observation.passed_id if key >= 0]
        assert observation.request_number[0] == len(shown) + (observation.object_id[0] >= 0)
        if terminated:
            break
        waiting = observation.object_id[0]
        observation, _, terminated, _, _ = env.step(int(random.integers(2)))
        still_waits = observation.object_id[0] == waiting and observation.request_number[0] == len(shown) + 1
        if waiting >= 0 and not still_waits:
            shown.append(int(waiting))
    assert shown == env.requests.keys.tolist()


def test_step_without_a_decision_does_the_same_for_every_action():
    env = infraray.make("caching", text=False, max_hits_per_step=1, num_objects=3, scan_share=0)
    outcomes = []
    for action in (0, 1, 40):
        observation, _ = env.reset(seed=0)
        while observation.object_id[0] >= 0:
            observation, *_ = env.step(1)
        outcomes.append(env.step(action)[0]["numeric_observation"])
    assert np.array_equal(outcomes[0], outcomes[1]) and np.array_equal(outcomes[0], outcomes[2])


def test_object_that_needs_the_room_of_two_takes_two_steps(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("key,size\na,40\nb,40\nc,100\na,40\n")
    env = infraray.make(
        "caching", workload="trace", trace=str(path), capacity_bytes=100, warmup_requests=0, scored_requests=4
    )
    env.reset(seed=0)
    env.step(1)
    env.step(1)
    observation, *_ = env.step(1)
    assert "object 2 of 100 bytes, never seen before, is missing. It does not fit." in observation["text_observation"]
    assert observation.cached_id[:2].tolist() == [1, -1] and observation.free_bytes[0] == 60
    observation, *_ = env.step(1)
    assert observation.object_id[0] == 0 and observation.cached_id[0] == 2
    assert observation.object_requests[0] == 1 and observation.object_idle[0] == 3
    *_, terminated, _, _ = env.step(0)
    assert terminated and env.verdict().score == 0


def test_numbers_beyond_the_cached_objects_bypass():
    env = infraray.make("caching", text=False, sizes="equal", capacity_bytes=12_288, candidates=5)
    observation, _ = env.reset(seed=0)
    observation, *_ = env.step(1)
    kept = observation.cached_id[0]
    observation, *_ = env.step(4)
    assert observation.cached_id[0] == kept


def test_episode_in_which_no_object_fits_ends_with_score_zero():
    env = infraray.make("caching", text=False, capacity_bytes=1)
    assert play(env, "scripted:lru", seed=0) == 0
    assert env.verdict().score == env.bound() == 0


def test_byte_hit_rate_counts_bytes(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("key,size\na,10\nb,30\na,10\nb,30\nc,20\n")
    env = infraray.make(
        "caching", workload="trace", trace=str(path), capacity_bytes=10, warmup_requests=1, scored_requests=4
    )
    env.reset(seed=0)
    terminated = False
    while not terminated:
        *_, terminated, _, _ = env.step("bypass" if env.played else "admit")
    assert env.verdict().score == 0.25
    assert env.verdict().metrics == {"byte_hit_rate": 10 / 90}


@pytest.mark.parametrize(
    "text, action",
    [
        ("3", 3),
        ('{"evict": 12}', 12),
        ("I would evict 4.", 4),
        ('{"evict": 0, "note": "would admit"}', 0),
        ("Do not admit.", 0),
        ("Bypass rather than admit.", 0),
        ('{"action": "evict", "evict": 3}', 3),
        ("bypass", 0),
        ('{"bypass": true}', 0),
        ('{"action": "bypass"}', 0),
        ("It is rarely asked for, so I bypass.", 0),
        ("Bypass would waste it. {'evict': 2}", 2),
        ("admit", 1),
        ('{"admit": true}', 1),
    ],
)
def test_eviction_answers_are_understood(text, action):
    env = infraray.make("caching")
    env.reset(seed=0)  # the cache is empty: the object fits
    assert env.parse_action(text) == action


@pytest.mark.parametrize(
    "text, action",
    [
        ("1", 1),
        ('{"admit": true}', 1),
        ('{"admit": 0}', 0),
        ("admit: no", 0),
        ("Decision: admit", 1),
        ("bypass", 0),
        ("Do not admit.", 0),
        ("I would not admit it.", 0),
        ("Do not bypass the cache.", 1),
        ("**Admit**", 1),
        ('{"admit": false, "note": "would admit"}', 0),
        ("Answer: do not admit\n\nTo admit it would be bold.", 0),
    ],
)
def test_admission_answers_are_understood(text, action):
    env = infraray.make("caching", preset="admission")
    env.reset(seed=0)
    assert env.parse_action(text) == action


def test_admit_without_a_victim_is_refused_when_the_object_does_not_fit():
    env = infraray.make("caching", sizes="equal", capacity_bytes=12_288)
    env.reset(seed=0)
    env.step("admit")
    *_, info = env.step("admit")
    assert not info["valid"] and "does not fit" in info["reason"]
    *_, info = env.step('{"evict": 1}')
    assert info["valid"] and info["action"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "evict everything",
        "evict 65",
        "-1",
        "{}",
        "I would evict 4, no: evict: 7",
        "evict object 12",
        "I would bypass it, but I would also admit it.",
        "Should I admit it?",
        "If it fits, admit it.",
        '{"evict": 0, "admit": true}',
    ],
)
def test_other_answers_are_refused_in_one_line(text):
    env = infraray.make("caching")
    env.reset(seed=0)
    *_, info = env.step(text)
    assert not info["valid"] and "\n" not in info["reason"]


@pytest.mark.parametrize("parameters", [{}, {"preset": "admission"}, {"preset": "recorded"}])
def test_texts_are_printable_ascii_and_state_the_numbers(parameters):
    env = infraray.make("caching", **parameters)
    observation, _ = env.reset(seed=0)
    for _ in range(200):
        observation, *_ = env.step(1)
    for name in ("task_description", "available_actions", "text_observation"):
        assert set(observation[name]) <= set(string.printable)
    words = observation["text_observation"]
    shown = int((observation.cached_id >= 0).sum())
    assert f"\n{shown}, {int(observation.cached_id[shown - 1])}, " in words


def test_score_is_undefined_before_the_first_scored_request():
    env = infraray.make("caching")
    env.reset(seed=0)
    assert math.isnan(env.verdict().score) and math.isnan(env.bound())


def test_manual_names_every_parameter_and_baseline():
    manual = Caching.__doc__
    for section in ("Description", "Observation", "Actions", "Reward", "Parameters", "Episode end", "Baselines"):
        assert f"## {section}\n" in manual
    for name in (*Caching.Parameters.model_fields, *POLICIES, *Caching.presets):
        assert name in manual
    for field in infraray.make("caching").layout.fields:
        assert f"| {field.name} |" in manual
