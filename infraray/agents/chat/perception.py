"""An observation in words, as a model reads it."""

from __future__ import annotations

import json

from infraray.observation import Observation


def in_words(observation: Observation) -> str:
    """The text observation, or the named numbers as JSON if there is none."""
    text = observation.get("text_observation")
    if text is not None:
        return str(text)
    layout = observation.layout
    if layout is None:
        return json.dumps(observation["numeric_observation"].tolist())
    numbers = {}
    for field in layout.fields:
        values = [round(value, 6) for value in getattr(observation, field.name).tolist()]
        name = field.name if field.unit == "1" else f"{field.name} ({field.unit})"
        numbers[name] = values[0] if field.size == 1 else values
    return json.dumps(numbers)
