"""An agent's proposals: configurations to measure or to submit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infraray.answers import AnswerForm
from infraray.answers.form import own_values, shown, wrapped
from infraray.answers.json_objects import JsonObject
from infraray.errors import InfrarayError, InvalidAction
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration

EVALUATE, SUBMIT = "evaluate", "submit"
VERBS = (EVALUATE, SUBMIT)


@dataclass(frozen=True)
class ProposalForm(AnswerForm):
    """``{"evaluate": {settings}}`` or ``{"submit": {settings}}``; omitted settings have their defaults."""

    space: SearchSpace
    names = VERBS
    wanted = 'answer for example {"evaluate": {}} or {"submit": {}}'

    def say(self, action: Mapping[str, Configuration]) -> str:
        """The request as JSON."""
        return json.dumps(action)

    def from_object(self, content: JsonObject) -> dict[str, Configuration]:
        """The verb and its configuration, completed and checked."""
        given = dict(own_values(self, content))
        verbs = [verb for verb in VERBS if verb in given]
        if not verbs and (inside := wrapped(content)) is not None:
            return self.from_object(inside)
        if len(verbs) != 1:
            raise InvalidAction(f"the object has {'both requests' if verbs else 'no request'}; {self.wanted}")
        (verb,) = verbs
        settings = given[verb]
        if not isinstance(settings, dict):
            raise InvalidAction(f'{verb}={shown(settings)}: must be an object of settings, such as {{"{verb}": {{}}}}')
        if isinstance(settings, JsonObject) and settings.repeated:
            raise InvalidAction(f"{verb}: the setting {shown(settings.repeated[0])} is given more than once")
        return {verb: complete(settings, self.space)}

    def from_prose(self, text: str) -> Any:
        """Reads nothing: a configuration is not guessed from prose."""
        raise InvalidAction(f"no request in {shown(text)}; {self.wanted}")


def complete(given: dict[str, Any], space: SearchSpace) -> Configuration:
    """A canonical configuration: omitted settings have their defaults, inactive ones are left out.

    Raises:
        InvalidAction: a setting is unknown, out of range or forbidden together with another.
    """
    whole: dict[str, Any] = {name: value for name, value in given.items() if name not in space.by_name}
    active: dict[str, Any] = {}
    for dimension in space.hyperparameters:
        if space.is_active(dimension.name, active):
            active[dimension.name] = given.get(dimension.name, dimension.default)
        elif dimension.name in given:
            needs = ", ".join(f"{name} is {' or '.join(map(str, of))}" for name, of in dimension.when.items())
            raise InvalidAction(f"{dimension.name}: has no meaning here; it needs that {needs}")
    try:
        return space.canonical({**whole, **active})
    except InfrarayError as error:
        raise InvalidAction("; ".join(str(error).splitlines())) from None
