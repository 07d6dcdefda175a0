"""The contract of every scenario."""

from infraray.testing.actions import ActionConformance
from infraray.testing.answers import AnswerConformance
from infraray.testing.bounds import BoundConformance
from infraray.testing.determinism import DeterminismConformance
from infraray.testing.information import InformationConformance
from infraray.testing.interface import InterfaceConformance
from infraray.testing.scores import ScoreConformance
from infraray.testing.vector_equality import VectorConformance


class ScenarioConformance(
    InterfaceConformance,
    DeterminismConformance,
    ActionConformance,
    AnswerConformance,
    VectorConformance,
    InformationConformance,
    ScoreConformance,
    BoundConformance,
):
    """Tests the contract of a scenario: ``class TestMine(ScenarioConformance): scenario = "mine"``.

    Further class attributes, all optional: ``parameters``, ``seeds`` (see `ScenarioCase`),
    ``nonsense`` (see `ActionConformance`) and ``settings`` (see `BoundConformance`).
    """
