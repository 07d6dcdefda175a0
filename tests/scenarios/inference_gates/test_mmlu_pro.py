"""A local copy of MMLU-Pro is read as the hub keeps it, or refused in one line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.inference.quality import read_mmlu_pro
from infraray.scenarios.inference.quality.prompt import messages


def row(number, **changes):
    return {
        "question_id": number,
        "question": f"What is {number} + 1?",
        "options": [str(number + offset) for offset in (0, 1, 2)],
        "answer": "B",
        "answer_index": 1,
        "cot_content": "A: Let's think step by step. One more. The answer is (B).",
        "category": "math" if number % 2 else "physics",
        "src": "test",
        **changes,
    }


def write(folder, suffix, rows):
    folder.mkdir(parents=True, exist_ok=True)
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    elif suffix == "jsonl":
        (folder / "test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    else:
        (folder / "test.json").write_text(json.dumps(rows))


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "json"])
@pytest.mark.parametrize("place", ["data", "."])
def test_every_format_gives_the_same_questions(tmp_path, suffix, place):
    write(tmp_path / place, suffix, [row(1), row(2)])
    questions = read_mmlu_pro(tmp_path)
    assert [question.question for question in questions] == ["What is 1 + 1?", "What is 2 + 1?"]
    assert questions[0].options == ("1", "2", "3") and questions[0].answer == "B"
    file = next((tmp_path / place).glob("test*"))
    assert read_mmlu_pro(file) == questions


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0c", "\x1c"])
def test_what_ends_a_line_elsewhere_does_not_in_json_lines(tmp_path, end):
    asked = row(1, question=f"What{end}is it?")
    # JSON holds control characters escaped; written raw are those that it may hold so.
    lines = (json.dumps(asked, ensure_ascii=False), json.dumps(row(2)))
    (tmp_path / "test.jsonl").write_text("\r\n".join(lines) + "\n\n", encoding="utf-8", newline="")
    assert [question.question for question in read_mmlu_pro(tmp_path)] == [f"What{end}is it?", "What is 2 + 1?"]


def test_options_that_are_none_are_left_out_and_letters_move_up(tmp_path):
    write(tmp_path, "json", [row(1, options=["N/A", "2", "3", "N/A"])])
    question = read_mmlu_pro(tmp_path)[0]
    assert question.options == ("2", "3") and question.answer == "A"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": "C"}, "answer 'C' is not option 1 of 3"),
        ({"answer_index": 7}, "answer 'B' is not option 7 of 3"),
        ({"options": ["1", "N/A", "3"]}, "the answer is N/A"),
        ({"options": ["N/A", "2"]}, "has 1 options; must be from 2 to 10"),
        ({"question_id": 2}, "question_id 2 occurs twice"),
        ({"options": None}, "is not a question of MMLU-Pro"),
    ],
)
def test_a_wrong_row_is_named_in_one_line(tmp_path, change, reason):
    write(tmp_path, "json", [row(2), row(3, **change)])
    with pytest.raises(InfrarayError, match=f"test.json: row 2: {reason}") as refused:
        read_mmlu_pro(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_missing_field_a_missing_folder_and_a_torn_file_are_one_line(tmp_path):
    incomplete = row(1)
    del incomplete["category"]
    write(tmp_path / "a", "json", [incomplete])
    with pytest.raises(InfrarayError, match="row 1: has no field 'category'"):
        read_mmlu_pro(tmp_path / "a")
    with pytest.raises(InfrarayError, match="no such file or folder; get one with 'hf download"):
        read_mmlu_pro(tmp_path / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(InfrarayError, match="holds no file test"):
        read_mmlu_pro(tmp_path / "c")
    (tmp_path / "c" / "test-0.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InfrarayError, match="cannot be read"):
        read_mmlu_pro(tmp_path / "c")


def test_a_question_is_asked_without_its_answer_and_without_examples(tmp_path):
    write(tmp_path, "json", [row(number) for number in range(1, 5)])
    (tmp_path / "validation.json").write_text(json.dumps([row(number) for number in range(10, 20)]))
    questions = read_mmlu_pro(tmp_path)
    assert [question.question_id for question in questions] == [1, 2, 3, 4]
    prompt = messages(questions[0])[0]["content"]
    assert "The answer is (B)" not in prompt and prompt.count("Question: ") == 1
    assert prompt.endswith("Question: What is 1 + 1?\nOptions:\nA. 1\nB. 2\nC. 3")
