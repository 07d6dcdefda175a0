"""The data set has a row for each task, in verl's columns, and never trains on what is held out."""

import json

import pyarrow.parquet as pq
import pytest

from infraray.errors import InfrarayError
from infraray.training.dataset import HELD_OUT, TRAIN, TrainingSet, write_data
from infraray.training.task import TrainingTask

DESCRIBED = {
    "scenarios": [
        {"scenario": "load_balance", "parameters": {"warmup_steps": 2, "num_servers": 3}, "max_steps": 8},
        {"scenario": "capacity_planning", "levels": [1, 2], "label": "capacity"},
    ],
    "seeds": "100:104",
    "held_out": 2,
    "chat": {"strategy": "cot", "memory": "last:2", "max_tokens": 64},
}


def rows(path):
    return pq.read_table(path).to_pylist()


def test_there_is_a_row_for_each_task(tmp_path):
    train, held_out = write_data(TrainingSet.parse(DESCRIBED), tmp_path / "data")
    found = rows(train)
    assert len(found) == 4 * 3 and len(rows(held_out)) == 2 * 3
    assert [row["extra_info"]["index"] for row in found] == list(range(12))
    assert {row["extra_info"]["split"] for row in found} == {TRAIN}
    assert {row["extra_info"]["split"] for row in rows(held_out)} == {HELD_OUT}
    assert {row["agent_name"] for row in found} == {"infraray"}
    assert {row["data_source"] for row in found} == {"load_balance", "capacity-level-1", "capacity-level-2"}
    assert list(found[0]) == ["data_source", "agent_name", "prompt", "ability", "reward_model", "extra_info"]


def test_a_row_makes_the_environment_that_was_described(tmp_path):
    train, _ = write_data(TrainingSet.parse(DESCRIBED), tmp_path)
    task = TrainingTask.parse_json(rows(train)[0]["extra_info"]["infraray"])
    environment = task.make_environment()
    assert (environment.parameters.num_servers, environment.max_episode_steps, task.seed) == (3, 8, 100)
    assert task.chat_options().memory == "last:2"
    assert json.loads(rows(train)[0]["extra_info"]["infraray"])["reward"] == "normalized"


def test_a_beginning_holds_every_scenario_and_level(tmp_path):
    train, _ = write_data(TrainingSet.parse(DESCRIBED), tmp_path)
    tasks = [TrainingTask.parse_json(row["extra_info"]["infraray"]) for row in rows(train)[:3]]
    assert [(task.scenario, task.level) for task in tasks] == [
        ("infraray/LoadBalance-v0", 1),
        ("infraray/CapacityPlanning-v0", 1),
        ("infraray/CapacityPlanning-v0", 2),
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"held_out": "90:110"}, "held_out: 4 of its seeds, the first 100, are trained on; give it others"),
        ({"scenarios": ["load_balance"]}, "max_steps=32: nothing would be scored, since warmup_steps=50"),
        ({"reward": "normalised"}, "unknown reward 'normalised'; did you mean normalized?"),
        ({"reward": "seed"}, "is defined for routing and kubernetes_policy, not for load_balance"),
        ({"chat": {"memory": "last"}}, "memory='last': must be all, summary or last:K"),
        ({"chat": {"strategie": "cot"}}, "strategie: no such field; did you mean strategy?"),
        ({"seed": 3}, "seed: no such field; did you mean seeds?"),
        ({"scenarios": [{"scenario": "load_balance", "parameters": {"num_servers": 0}}]}, "num_servers=0: must be"),
        ({"scenarios": ["load_balanc"]}, "did you mean load_balance?"),
    ],
    ids=["overlap", "warm-up", "reward", "reward of others", "memory", "option", "field", "parameter", "scenario"],
)
def test_what_is_wrong_is_one_line_before_anything_is_written(tmp_path, change, error):
    with pytest.raises(InfrarayError) as raised:
        write_data(TrainingSet.parse({**DESCRIBED, **change}), tmp_path / "data")
    assert error in str(raised.value)
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(InfrarayError, match="choose another folder"):
        write_data(TrainingSet.parse(DESCRIBED), tmp_path / "data")
