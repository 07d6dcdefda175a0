"""Label selectors: which pods or namespaces are meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from infraray.network_policies.reading import Field

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]


@dataclass(frozen=True)
class Requirement:
    """One of ``matchExpressions``.

    Args:
        key: the label's name.
        operator: how its value is compared.
        values: the values it is compared with; none for ``Exists`` and ``DoesNotExist``.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; a label that is missing is ``NotIn`` any values."""
        present = self.key in labels
        if self.operator == "Exists":
            return present
        if self.operator == "DoesNotExist":
            return not present
        listed = present and labels[self.key] in self.values
        return listed if self.operator == "In" else not listed


@dataclass(frozen=True)
class LabelSelector:
    """A conjunction of requirements; an empty one selects everything.

    Args:
        match_labels: values that labels must have.
        match_expressions: further requirements.
    """

    match_labels: Mapping[str, str] = field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()

    @classmethod
    def of(cls, found: Field) -> LabelSelector:
        """Reads a selector.

        Raises:
            InfrarayError: it is none.
        """
        return cls(
            found["matchLabels"].mapping(), tuple(_requirement(entry) for entry in found["matchExpressions"].entries())
        )

    @property
    def is_empty(self) -> bool:
        """Whether it selects everything."""
        return not self.match_labels and not self.match_expressions

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it selects what has these labels."""
        equal = all(labels.get(key) == value for key, value in self.match_labels.items())
        return equal and all(requirement.holds(labels) for requirement in self.match_expressions)


def _requirement(found: Field) -> Requirement:
    operator = found["operator"].text()
    values = found["values"].texts()
    if operator not in get_args(Operator):
        raise found["operator"].fail(f"must be one of {', '.join(get_args(Operator))}")
    if (operator in ("In", "NotIn")) != bool(values):
        raise found["values"].fail(f"must be {'listed' if not values else 'absent'} for operator {operator}")
    return Requirement(found["key"].text(), operator, values)  # type: ignore[arg-type]
