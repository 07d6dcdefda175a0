"""Planted weaknesses are found, and nothing is found where there is none."""

from random import Random

import pytest

from infraray.curriculum.probing import Effort, Probing
from infraray.curriculum.regions import Region
from infraray.curriculum.samplers import make_sampler
from tests.curriculum.planted import SPACE, WEAKNESSES, Chance, failing, play


def share(region: Region, weakness: str) -> tuple[float, float]:
    """(share of the region's tasks that have the weakness, share of the weakness's tasks that are in the region)."""
    random = Random(1)
    tasks = [task for _ in range(4000) if (task := SPACE.draw(random)) is not None]
    inside = [region.holds(task.features) for task in tasks]
    weak = [WEAKNESSES[weakness](task.features) for task in tasks]
    both = sum(one and other for one, other in zip(inside, weak, strict=True))
    return both / sum(inside), both / sum(weak)


@pytest.mark.parametrize("weakness", WEAKNESSES)
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_weakness_is_found_and_told_as_it_was_planted(weakness: str, seed: int) -> None:
    verdict, _ = play(failing(weakness), seed)
    breaking = [one for one in verdict.regions if one.breaks]
    assert breaking
    precise, complete = max((share(one.region, weakness) for one in breaking), key=min)
    assert precise > 0.7 and complete > 0.5, [str(one.region) for one in breaking]


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_agent_without_weakness_is_not_said_to_have_one(rate: float) -> None:
    found = sum(any(one.breaks for one in play(lambda task: rate, seed, episodes=160)[0].regions) for seed in range(20))
    assert found <= 1


def test_intervals_hold_after_the_search_has_chosen_its_regions() -> None:
    """Each stated interval against the true rate of its region, which is known here."""
    wrong = told = 0
    chance: Chance = lambda task: 0.2 + 0.5 * (task["load"] >= 0.8)  # type: ignore[operator]  # noqa: E731
    for seed in range(20):
        verdict, _ = play(chance, seed, episodes=160)
        for one in verdict.regions:
            random = Random(f"truth/{seed}")
            tasks = [task for _ in range(500) if (task := SPACE.draw(random, one.region)) is not None]
            truth = sum(chance(task.features) for task in tasks) / len(tasks)
            told += 1
            wrong += not one.loss.low <= truth <= one.loss.high
    assert told >= 15
    assert wrong <= 1


def test_search_goes_to_where_the_agent_fails() -> None:
    _, rounds = play(failing("a family on a level"), 3)
    in_search = [task for one in rounds if one.phase == "search" for task in one.tasks]
    share_in_search = sum(WEAKNESSES["a family on a level"](task.features) for task in in_search) / len(in_search)
    assert share_in_search > 3 * (1 / 15)


def test_equal_seeds_and_outcomes_draw_equal_tasks() -> None:
    assert play(failing("one family"), 5)[1] == play(failing("one family"), 5)[1]
    assert play(failing("one family"), 5)[1] != play(failing("one family"), 6)[1]


def test_survey_is_the_same_for_all_agents_and_the_search_is_not() -> None:
    made = [Probing(SPACE, make_sampler("bandit"), Effort.of(160), 0, agent) for agent in ("one", "other")]
    surveys = [probing.next_rounds([], []) for probing in made]
    assert surveys[0] == surveys[1]
    outcomes = [[0.0] * len(surveys[0][0].tasks)]
    searches = [probing.next_rounds(surveys[0], outcomes) for probing in made]
    assert searches[0] != searches[1]


def test_no_task_of_a_confirmation_was_seen_before() -> None:
    _, rounds = play(failing("one family"), 0)
    before = {task.seed for one in rounds if one.phase != "confirmation" for task in one.tasks}
    confirmed = {task.seed for one in rounds if one.phase == "confirmation" for task in one.tasks}
    assert confirmed and not before & confirmed


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_searchers_of_studies_find_a_region_of_the_knobs(sampler: str) -> None:
    verdict, rounds = play(failing("beyond a size"), 0, sampler, episodes=240)
    assert any(one.breaks and one.region.on("size") for one in verdict.regions)
    if sampler == "tpe":
        sizes = [task.features["size"] for one in rounds if one.phase == "search" for task in one.tasks]
        assert sum(size >= 28 for size in sizes) > len(sizes) / 2  # type: ignore[operator]


def test_tasks_without_a_loss_count_nowhere() -> None:
    probing = Probing(SPACE, make_sampler("bandit"), Effort.of(160), 0, "agent")
    survey = probing.next_rounds([], [])
    (search,) = probing.next_rounds(survey, [[None] * len(survey[0].tasks)])
    assert search.phase == "search"
