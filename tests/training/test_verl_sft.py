"""A model is tuned on an expert's episodes, goes on after a kill, and stands in a table of what it was trained on."""

import json

import pytest

from infraray.errors import InfrarayError
from infraray.training.sft import DONE, evaluation_run, train_sft
from infraray.training.sft_file import SftSpec
from tests.exporters.runs import play_scenarios

pytestmark = pytest.mark.filterwarnings("default")
SECTION = {"scenario": "load_balance", "parameters": {"warmup_steps": 2, "scored_steps": 4}}
EVALUATION = {"scenarios": [{**SECTION, "max_steps": 6}], "seeds": "100:102", "engine": {"engine": "transformers"}}


@pytest.fixture
def expert(tmp_path):
    play_scenarios(tmp_path / "expert", [SECTION], ["scripted:least_work_left"], seeds=4)
    return tmp_path / "expert"


@pytest.fixture
def described(policy_folder, expert):
    fields = {"name": "tuned", "model": str(policy_folder), "run": str(expert), "gpus": 0, "evaluation": EVALUATION}
    sizes = {"epochs": 4, "learning_rate": 0.01, "batch_size": 2, "micro_batch": 2, "correct_only": False}
    return lambda **changes: SftSpec.parse({**fields, **sizes, "safe_only": False, **changes})


def test_a_model_is_tuned_once_and_learns(described, tmp_path, ray_session):
    spec, out = described(), tmp_path / "out"
    train_sft(spec, out, quiet=True)
    told = json.loads((out / "all" / DONE).read_text())
    assert told["conversations"] == 4 and told["loss"] < 6
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert AutoModelForCausalLM.from_pretrained(out / "all" / "model").config.model_type == "qwen2"
    assert AutoTokenizer.from_pretrained(out / "all" / "model").chat_template
    assert not (out / "all" / "checkpoints").exists()
    written = (out / "all" / "model" / "model.safetensors").stat().st_mtime_ns
    train_sft(spec, out, quiet=True)
    assert (out / "all" / "model" / "model.safetensors").stat().st_mtime_ns == written


def test_the_models_play_side_by_side(described, tmp_path):
    run = evaluation_run(described(), tmp_path / "out")
    assert run.agents == ["engine:base", "engine:all"]
    assert run.engines["all"].model == str(tmp_path / "out" / "all" / "model")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sets": ["level-4"]}, "sets='level-4': no such set; did you mean level-"),
        ({"micro_batch": 3}, "micro_batch=3: must divide batch_size=2"),
        (
            {"evaluation": {**EVALUATION, "seeds": "3:9"}},
            "run: 1 of its seeds, the first 3, are those of",
        ),
        ({"run": "/nowhere"}, "/nowhere: holds no run"),
        ({"least_score": 5.0}, "no conversation is left to learn from"),
        ({"gpus": 1}, "gpus=1: the Ray cluster has 0"),
    ],
)
def test_what_is_wrong_is_one_line(described, tmp_path, ray_session, changes, error):
    with pytest.raises(InfrarayError) as raised:
        train_sft(described(**changes), tmp_path / "out", quiet=True)
    assert error in str(raised.value) and "\n" not in str(raised.value)
