import tracemalloc

import numpy as np

from infraray.reports import evaluate, write_report
from infraray.reports.selection import BYTES_PER_EPISODE
from tests.reports.synthetic import episodes, manifest, write_run


def test_sixty_agents_on_many_tasks_take_bounded_memory():
    scores = np.random.default_rng(0).lognormal(size=(60, 1500))
    scores[::7, ::50] = np.nan
    table = episodes(scores)
    batches = table.to_batches(max_chunksize=4096)
    tracemalloc.start()
    report = evaluate(batches, manifest(table))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(list(report.scenarios[0].leaderboard.comparisons)) == 60 * 59 // 2
    assert peak < 200e6


def test_an_episode_more_takes_some_dozen_bytes():
    def peak(tasks):
        table = episodes(np.random.default_rng(0).lognormal(size=(2, tasks)))
        tracemalloc.start()
        evaluate(table.to_batches(max_chunksize=1024), manifest(table))
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    few, many = peak(2_000), peak(12_000)
    assert BYTES_PER_EPISODE < 64
    assert many - few < 20_000 * 4 * BYTES_PER_EPISODE


def test_page_of_forty_agents_stays_small(tmp_path):
    scores = np.random.default_rng(0).lognormal(size=(40, 12))
    report = write_report(write_run(tmp_path / "run", episodes(scores)))
    assert report.files["html"].stat().st_size < 3e6
