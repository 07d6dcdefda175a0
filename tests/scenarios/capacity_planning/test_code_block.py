"""Code is found in answers as models write them, and never guessed where an answer says two things."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infraray.answers import read_answer
from infraray.errors import InvalidAction
from infraray.scenarios.capacity_planning.answer import read_program
from infraray.scenarios.capacity_planning.code_block import MAX_CODE_CHARACTERS, CodeBlock, find_code

CODE = '''import networkx as nx

def process_graph(graph_data):
    """Counts; the answer: a number."""
    # Answer: {"code": 1}
    return {"type": "text", "data": len(graph_data)}'''
FENCED = f"```python\n{CODE}\n```"
LINE = CODE.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
USAGE = "```python\ngraph_data = nx.DiGraph()\nresult = process_graph(graph_data)\nprint(result)\n```"

ONE_PROGRAM = {
    "bare": CODE,
    "fence": FENCED,
    "fence of another name": FENCED.replace("python", "py"),
    "fence without a name": FENCED.replace("python", ""),
    "tildes": FENCED.replace("```", "~~~"),
    "upper case": FENCED.replace("python", "Python"),
    "windows": FENCED.replace("\n", "\r\n"),
    "prose around": f"Sure! Here is the code:\n\n{FENCED}\n\nIt counts the nodes (see `len`).",
    "answer before the fence": f"Answer: {FENCED}",
    "in a call": f"Action: finish[{FENCED}]",
    "in a list": "1. The code:\n\n" + "\n".join(f"   {line}" if line else "" for line in FENCED.split("\n")),
    "never closed": FENCED.removesuffix("\n```"),
    "closed behind the last line": FENCED.removesuffix("\n```") + "```",
    "fence in tags": f"<answer>\n{FENCED}\n</answer>",
    "tags": f"<code>\n{CODE}\n</code>",
    "said twice": f"{FENCED}\n\nThe complete code again:\n\n{FENCED}",
    "with output": f"{FENCED}\n\nThis prints\n\n```\n42\n```",
    "with what to install": f"```bash\npip install networkx\n```\n\n{FENCED}",
    "with how it is used": f"{FENCED}\n\nFor example:\n\n{USAGE}",
    "json": f'{{"code": "{LINE}"}}',
    "json with line breaks in the string": f'{{"code": "{CODE.replace(chr(34), chr(92) + chr(34))}"}}',
    "json in a fence": f'```json\n{{"reason": "counts", "code": "{LINE}"}}\n```',
    "json around a fence": f'{{"code": "```python\\n{LINE}\\n```"}}',
    "a call's arguments": f'{{"name": "answer", "arguments": {{"code": "{LINE}"}}}}',
    "json with a verb": f'{{"action": "submit", "code": "{LINE}"}}',
    "json of a thought and an action": f'{{"thought": "count", "action": {{"code": "{LINE}"}}}}',
    "json under a general key": f'{{"answer": "{LINE}"}}',
    "prose without fences": f"Here is the code.\n\n{CODE}\n\nIt counts the nodes: there's nothing else to it.",
    "prose that begins like code": f"from the graph one sees it, import nothing else\n{CODE}\n\nThat's it, I'm done.",
}


@pytest.mark.parametrize("manner", ONE_PROGRAM)
def test_one_program_is_found(manner):
    assert find_code(ONE_PROGRAM[manner]).strip() == CODE


def test_helpers_in_other_blocks_come_before_the_function():
    helper = "def total(graph):\n    return sum(SIZES)"
    sizes = "SIZES = [1, 2]"
    main = "def process_graph(graph_data):\n    result = total(graph_data)\n    return result"
    blocks = [f"```python\n{part}\n```" for part in (main, helper, sizes, "unused = 1")]
    assert find_code("\n\nthen\n\n".join([*blocks, USAGE])) == f"{helper}\n\n{sizes}\n\n{main}"


def test_imports_in_a_block_of_their_own_belong_to_the_program():
    main = "def process_graph(graph_data):\n    return nx.number_of_nodes(graph_data)"
    assert find_code(f"```python\nimport networkx as nx\n```\n```python\n{main}\n```").startswith(
        "import networkx as nx\n"
    )


def test_code_that_cannot_be_parsed_is_found_for_what_it_is():
    broken = "def process_graph(graph_data):\n    return (1"
    assert find_code(f"```python\n{broken}\n```") == broken
    assert find_code(broken) == broken


def test_helpers_of_helpers_come_along_and_others_do_not():
    helpers = [f"def f{i}(): return f{i + 1}()" for i in range(3)]
    blocks = ["def other(): return 1", *helpers[::-1], "def f3(): return 4", "def process_graph(g): return f0()"]
    assert find_code("\n".join(f"```python\n{block}\n```" for block in blocks)) == "\n\n".join(blocks[1:])


def test_block_without_the_function_is_found_too():
    assert find_code("```python\nprint(1)\n```") == "print(1)"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The answer is 42.", "no code in 'The answer is 42.'"),
        ("I would call process_graph on it.", "no code in"),
        ("```bash\nls\n```", "no block of Python in"),
        (f"{FENCED}\nBetter:\n{FENCED.replace('len', 'sum')}", "2 different blocks define process_graph"),
        (f'{{"code": "{LINE}"}} {{"code": "{LINE.replace("len", "sum")}"}}', "2 different JSON objects define"),
        (f"```python\n{CODE}\n{'#' * MAX_CODE_CHARACTERS}\n```", "at most 50000 are read"),
    ],
)
def test_what_holds_no_single_program_is_refused(text, reason):
    with pytest.raises(InvalidAction, match="answer with one block of Python") as told:
        find_code(text)
    assert reason in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 40_000,
        "def process_graph(" + "-" * 45_000,
        "x." * 20_000,
        "{" * 50_000,
        "\0",
        '{"input": ' * 900 + "1" + "}" * 900,
        "```" + " " * 90_000 + "a b",
        "`" * 99_000,
        "{" * 99_000,
        "".join(f"```python\ndef f{i}(): f{i + 1}()\n```\n" for i in range(2400)) + FENCED.replace("len", "f0"),
    ],
)
@pytest.mark.parametrize("read", [find_code, read_program])
def test_hostile_text_ends_in_a_refusal_or_in_code(read, text):
    with suppress(InvalidAction):
        read(text)


LINES = st.text(
    st.sampled_from("ab`~'\"\\#:=() \t{}[]") | st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])
)


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES, max_size=6))
def test_what_is_said_is_read_back(lines):
    code = "\n".join(["def process_graph(graph_data):", *(f"    # {line}" for line in lines), "    return 1"])
    form = CodeBlock()
    assert find_code(form.say({"code": code})) == code
    assert find_code(f"So:\n\n{form.say({'code': code})}\n\nThat is it.") == code


def test_form_reads_objects_and_prose():
    assert read_answer(f'{{"code": "{LINE}"}}', CodeBlock()) == {"code": CODE}
    with pytest.raises(InvalidAction, match='the code as a string under "code"'):
        read_answer('{"code": 7}', CodeBlock())
