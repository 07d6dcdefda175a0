"""A MALT model is read as written, and what is damaged is told in one line with its number."""

from __future__ import annotations

import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.constraints import violations
from infraray.scenarios.capacity_planning.generator import SMALL, generate, inventory
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


def as_text(value) -> str:
    if isinstance(value, dict):
        return "{ " + " ".join(f"{name}: {as_text(inner)}" for name, inner in value.items()) + " }"
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_generated_fabric_comes_back_from_a_file(tmp_path):
    made = inventory(SMALL, seed=5)
    lines = [
        f'entity {{ id {{ kind: {entity.id.kind} name: "{entity.id.name}" }} attr {as_text(dict(entity.attributes))} }}'
        for entity in made.entities
    ]
    lines += [
        f'relationship {{ kind: {kind} a {{ kind: {start.kind} name: "{start.name}" }} '
        f'z {{ kind: {end.kind} name: "{end.name}" }} }}'
        for kind, start, end in made.relationships
    ]
    (tmp_path / "model.textproto").write_text("\n".join(lines))
    assert load_malt(str(tmp_path / "model.textproto")).to_data() == generate(SMALL, seed=5).to_data()


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
