"""A MALT model is read as written, and what is damaged is told in one line with its number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.constraints import violations
from infraray.scenarios.capacity_planning.entities import EntityId
from infraray.scenarios.capacity_planning.generator import SMALL, Shape, generate, inventory
from infraray.scenarios.capacity_planning.hierarchy import RK_CONTAINS, RK_CONTROLS
from infraray.scenarios.capacity_planning.malt_file import load_malt

MODEL = """\
# Two ports on a switch.
entity { id { kind: EK_SPINEBLOCK name: "hall.s1" } }
entity {
  id { kind: EK_PACKET_SWITCH, name: 'hall.s1.' "w1" }
  packet_switch_attr { switch_loc { stage: 2 } }
}
entity { id: < kind: EK_CHASSIS; name: "hall.s1.w1" > chassis_attr { depth_m: 0.5 fans: 2 is_new: true } }
entity { id { kind: EK_CONTROL_POINT name: "hall.s1.w1" } }
entity { id { kind: EK_PORT name: "hall.s1.w1.p1" } port_attr { physical_capacity_bps: 9000000000 } }
entity { id { kind: EK_PORT name: "hall.s1.w1.p2" } port_attr { physical_capacity_bps: 0x3b9aca00 } }
relationship {
  kind: RK_CONTAINS
  a { kind: EK_SPINEBLOCK name: "hall.s1" }
  z { kind: EK_PACKET_SWITCH name: "hall.s1.w1" }
}
relationship {
  kind: RK_CONTAINS
  a { kind: EK_CHASSIS name: "hall.s1.w1" }
  z { kind: EK_CONTROL_POINT name: "hall.s1.w1" }
}
relationship {
  kind: RK_CONTROLS
  a { kind: EK_CONTROL_POINT name: "hall.s1.w1" }
  z { kind: EK_PACKET_SWITCH name: "hall.s1.w1" }
}
relationship {
  kind: RK_CONTAINS
  a { kind: EK_PACKET_SWITCH name: "hall.s1.w1" }
  z { kind: EK_PORT name: "hall.s1.w1.p1" }
}
relationship {
  kind: RK_CONTAINS
  a { kind: EK_PACKET_SWITCH name: "hall.s1.w1" }
  z { kind: EK_PORT name: "hall.s1.w1.p2" }
}
"""


def test_model_is_merged_by_name(tmp_path):
    (tmp_path / "model.textproto").write_text(MODEL)
    topology = load_malt(str(tmp_path / "model.textproto"))
    assert topology.nodes == {
        "hall.s1": {"name": "hall.s1", "type": ["EK_SPINEBLOCK"]},
        "hall.s1.w1": {
            "name": "hall.s1.w1",
            "type": ["EK_CHASSIS", "EK_CONTROL_POINT", "EK_PACKET_SWITCH"],
            "switch_loc": {"stage": 2},
            "depth_m": 0.5,
            "fans": 2,
            "is_new": True,
        },
        "hall.s1.w1.p1": {"name": "hall.s1.w1.p1", "type": ["EK_PORT"], "physical_capacity_bps": 9 * 10**9},
        "hall.s1.w1.p2": {"name": "hall.s1.w1.p2", "type": ["EK_PORT"], "physical_capacity_bps": 10**9},
    }
    assert topology.edges == {
        ("hall.s1", "hall.s1.w1"): {RK_CONTAINS},
        ("hall.s1.w1", "hall.s1.w1"): {RK_CONTAINS, RK_CONTROLS},
        ("hall.s1.w1", "hall.s1.w1.p1"): {RK_CONTAINS},
        ("hall.s1.w1", "hall.s1.w1.p2"): {RK_CONTAINS},
    }
    assert violations(topology) == ()


def as_fields(fields, indent: str = "") -> str:
    """Fields as the public example writes them: one on a line, blocks without a colon."""
    lines = []
    for name, value in fields:
        if isinstance(value, list):
            lines.append(f"{indent}{name} {{\n{as_fields(value, indent + '  ')}{indent}}}\n")
        else:
            lines.append(f"{indent}{name}: {value}\n")
    return "".join(lines)


def as_attributes(attributes):
    """Attributes as fields, of which strings are names of enumerations' values."""
    return [(name, as_attributes(value) if isinstance(value, dict) else value) for name, value in attributes.items()]


def as_end(name: str, entity: EntityId):
    return (name, [("kind", entity.kind), ("name", f'"{entity.name}"')])


@pytest.mark.parametrize("shape", [SMALL, Shape()], ids=["small", "of the public example's size"])
def test_generated_fabric_comes_back_from_a_file_in_the_public_examples_layout(tmp_path, shape):
    made = inventory(shape, seed=5)
    fields = []
    for entity in made.entities:
        own = [(f"{entity.id.kind[3:].lower()}_attr", as_attributes(entity.attributes))] if entity.attributes else []
        fields.append(("entity", [as_end("id", entity.id), *own]))
    for kind, start, end in made.relationships:
        fields.append(("relationship", [("kind", kind), as_end("a", start), as_end("z", end)]))
    (tmp_path / "model.textproto").write_text(as_fields(fields))
    topology = load_malt(str(tmp_path / "model.textproto"))
    assert topology.to_data() == generate(shape, seed=5).to_data()
    if shape == Shape():
        assert (len(made.entities), len(made.relationships)) == (6133, 7064)
        assert (len(topology.nodes), len(topology.edges)) == (5493, 6424)


VALUES = [
    (r"'\"'", '"'),
    (r'"\x41\102\n\t\\ \u00e9 \U0001F600"', "AB\n\t\\ \u00e9 \U0001f600"),
    ("\"a\" # and\n 'b'", "ab"),
    ('""', ""),
    ("-7", -7),
    ("017", 15),
    ("0xFf", 255),
    ("18446744073709551615", 2**64 - 1),
    ("1.5e3", 1500.0),
    ("-.5f", -0.5),
    ("10F", 10.0),
    ("true", True),
    ("false", False),
    ("JDT_COLO", "JDT_COLO"),
]
"""As they may be written in the text format, and what they mean."""


@pytest.mark.parametrize(("written", "value"), VALUES)
@pytest.mark.parametrize("end", [" ", ";", ",", " # of the unknown\n"], ids=["blank", "semicolon", "comma", "comment"])
def test_values_of_fields_that_no_schema_knows(tmp_path, written, value, end):
    (tmp_path / "model.textproto").write_text(MODEL.replace("fans: 2 ", f"unknown: {written}{end}"))
    found = load_malt(str(tmp_path / "model.textproto")).nodes["hall.s1.w1"]["unknown"]
    assert found == value and type(found) is type(value)


def test_repeated_fields_are_a_list_and_messages_nest(tmp_path):
    fields = "lane { gbps: 25 } lane < gbps: 50; spare: {} > tag: 'a' tag: 'b'"
    (tmp_path / "model.textproto").write_text(MODEL.replace("fans: 2", fields))
    found = load_malt(str(tmp_path / "model.textproto")).nodes["hall.s1.w1"]
    assert found["lane"] == [{"gbps": 25}, {"gbps": 50, "spare": {}}] and found["tag"] == ["a", "b"]


TOKENS = re.compile(r"#[^\n]*|\"[^\"]*\"|'[^']*'|[\w.]+|\S")


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_the_same_model_written_in_any_other_way_is_the_same(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("model")
    (folder / "as_it_is.textproto").write_text(MODEL)
    words = [word for word in TOKENS.findall(MODEL) if word not in ",;:" and not word.startswith("#")]
    written, closing = [], []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in "{<":
            written.append(data.draw(st.sampled_from(["{", "<", ": {", ":<"])))
            closing.append(">" if "<" in written[-1] else "}")
        elif word in "}>":
            written.append(closing.pop() + data.draw(st.sampled_from(["", " ", ";", ","])))
        elif re.fullmatch(r"[a-z]\w*", word) and word != "true":
            written.append(word if following in "{<" else data.draw(st.sampled_from([f"{word}:", f"{word} :"])))
        elif word[0] in "\"'":
            place = data.draw(st.integers(0, len(word) - 2))
            one, other = data.draw(st.sampled_from(["\"'", "'\"", "''", '""']))
            written.append(f"{one}{word[1 : 1 + place]}{one} {other}{word[1 + place : -1]}{other}")
        else:
            written.append(word)
        written.append(data.draw(st.sampled_from([" ", "\n", "\t", '  # } of no meaning "\n'])))
    (folder / "otherwise.textproto").write_text("".join(written))
    read = [load_malt(str(folder / f"{name}.textproto")) for name in ("as_it_is", "otherwise")]
    assert read[0].to_data() == read[1].to_data()


DAMAGES = {
    "unknown block": ("# Two ports", "link { }  # Two", "line 1: link: must be entity or relationship"),
    "unknown kind": ("EK_SPINEBLOCK name", "EK_SPINE name", "line 2: kind 'EK_SPINE': must be one of EK_JUPITER,"),
    "unknown relationship": ("kind: RK_CONTROLS", "kind: RK_LIKES", "line 22: kind 'RK_LIKES': must be one of"),
    "no name": (' name: "hall.s1" } }\nentity', " } }\nentity", "line 2: id: must have one name, has 0"),
    "two names": ("kind: EK_CHASSIS;", 'name: "x";', "line 7: id: must have one kind, has 0"),
    "blank in a name": (
        'EK_PORT name: "hall.s1.w1.p1" } p',
        'EK_PORT name: "hall p1" } p',
        "line 9: name 'hall p1': must",
    ),
    "name is a number": (
        'EK_PORT name: "hall.s1.w1.p1" } p',
        "EK_PORT name: 7 } p",
        "line 9: name 7: must be a string of printable characters without blanks",
    ),
    "id is no block": (
        '{ kind: EK_CONTROL_POINT name: "hall.s1.w1" } }',
        ": 7 }",
        "line 8: id: must be a block in braces",
    ),
    "attributes are no block": (
        "port_attr { physical_capacity_bps: 0x3b9aca00 }",
        "port_attr: 7",
        "line 10: port_attr: must",
    ),
    "second entity": ("w1.p2", "w1.p1", "line 10: a second entity with kind EK_PORT and name 'hall.s1.w1.p1'"),
    "end is no entity": (
        '  z { kind: EK_PORT name: "hall.s1.w1.p1" }',
        '  z { kind: EK_RACK name: "hall.s1.w1.p1" }',
        "line 26: no entity with kind EK_RACK and name 'hall.s1.w1.p1'",
    ),
    "attributes that disagree": (
        "fans: 2",
        "switch_loc { stage: 3 }",
        "line 7: hall.s1.w1: switch_loc has another value",
    ),
    "attribute called type": ("fans: 2", "type: 2", "line 7: hall.s1.w1: an attribute cannot be called type"),
    "no value": ("stage: 2", "stage:", "line 5: '  packet_switch_attr { switch_loc { stage: } }': expected a value"),
    "not finite": ("0.5", "inf", "line 7: inf: must be a finite number"),
    "no colon": ("stage: 2", "stage 2", "expected ':' or '{' after a field's name"),
    "open string": ('name: "hall.s1" } }\nentity', 'name: "hall.s1 } }\nentity', "line 2: "),
    "brace too many": ("# Two ports", "} # Two ports", "line 1: "),
    "port without capacity": ("port_attr { physical_capacity_bps: 0x3b9aca00 }", "", "port hall.s1.w1.p2 has"),
    "slow switch": ("0x3b9aca00", "0", "port hall.s1.w1.p2 has physical_capacity_bps=0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_in_one_line(tmp_path, damage):
    old, new, reason = DAMAGES[damage]
    assert old in MODEL
    path = tmp_path / "model.textproto"
    path.write_text(MODEL.replace(old, new, 1))
    with pytest.raises(InfrarayError) as told:
        load_malt(str(path))
    assert str(told.value).startswith(f"capacity_planning: {path}: ")
    assert reason in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (MODEL.encode()[:-3], "line 34: the file ends before '}'"),
        (b"entity { " * 5000, "more than 32 messages within one another"),
        (MODEL.encode() + b"\xff", "line 36: is not UTF-8"),
        (b"", "holds no entity"),
        (b"entity " + b"x" * 10**6, "line 1: "),
    ],
    ids=["cut off", "nested", "not UTF-8", "empty", "a line of a megabyte"],
)
def test_broken_file_is_told_in_one_short_line(tmp_path, content, reason):
    path = tmp_path / "model.textproto"
    path.write_bytes(content)
    with pytest.raises(InfrarayError) as told:
        load_malt(str(path))
    assert reason in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500


def test_missing_file_is_told(tmp_path):
    with pytest.raises(InfrarayError, match="cannot be read"):
        load_malt(str(tmp_path / "none.textproto"))
