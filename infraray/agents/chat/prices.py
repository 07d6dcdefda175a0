"""Prices of tokens: a table that the user writes, in YAML or JSON.

    Qwen/Qwen3-8B: {input_per_million: 0.05, output_per_million: 0.2}

The currency is whatever the table uses.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from infraray.errors import InfrarayError, did_you_mean, explain_validation
from infraray.strict import StrictModel
from infraray.yaml_file import read_yaml_mapping


class Price(StrictModel):
    """The price of one model's tokens."""

    input_per_million: float = Field(ge=0)
    output_per_million: float = Field(ge=0)

    def of(self, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """The cost of a request; None if the server counts no tokens."""
        if input_tokens is None or output_tokens is None:
            return None
        return (input_tokens * self.input_per_million + output_tokens * self.output_per_million) / 1e6


def read_price(path: str | Path, model: str) -> Price:
    """A model's price from a table.

    Raises:
        InfrarayError: the file cannot be read, is not a price table, or does not name the model.
    """
    try:
        table, where = read_yaml_mapping(path)
        found = {str(name): Price.model_validate(price) for name, price in table.items() if name == model}
    except ValidationError as error:
        place, line = explain_validation(error, Price)[0]
        field = f"{model}.{line}" if place else f"{model}: {line}"
        raise InfrarayError(f"prices: {where((model, *place))}{field}") from None
    except InfrarayError as error:
        raise InfrarayError(f"prices: {error}") from None
    if model not in found:
        raise InfrarayError(f"prices={str(path)!r}: no price for {model}; {did_you_mean(model, map(str, table))}")
    return found[model]
