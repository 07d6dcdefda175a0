"""Native actions, given by a program rather than in words: numbers, NumPy scalars and arrays, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from infraray.answers.form import shown
from infraray.errors import InfrarayError, InvalidAction


def whole_number(value: Any, size: int) -> int:
    """A whole number from 0 to ``size - 1``, even as 2.0, a NumPy scalar, or an array or tensor of one element.

    Raises:
        InfrarayError: an array or tensor is not a single whole number: a program's bug rather than an agent's mistake.
        InvalidAction: it is anything else.
    """
    number = value.item() if isinstance(value, np.generic) else value
    if _is_array(number):
        array = np.asarray(_on_this_side(number))
        number = array.reshape(()).item() if array.size == 1 and array.dtype.kind in "iuf" else None
        if not _is_whole(number):
            raise InfrarayError(
                f"the action is an array of shape {array.shape} and type {array.dtype}: {shown(value)}; "
                "give one whole number"
            )
    elif not _is_whole(number):
        raise InvalidAction(f"the action {shown(value)} is not a whole number from 0 to {size - 1}")
    if not 0 <= number < size:
        raise InvalidAction(f"the action {shown(value)} is not one of 0 to {size - 1}")
    return int(number)


def plain(space: spaces.Space[Any], value: Any) -> Any:
    """A value in which a dict's whole numbers are plain ones; anything that is not a member stays unchanged."""
    if isinstance(space, spaces.Dict) and isinstance(value, dict) and value.keys() == space.spaces.keys():
        return {name: plain(part, value[name]) for name, part in space.spaces.items()}
    if isinstance(space, spaces.Discrete):
        return whole_number(value, int(space.n))
    if isinstance(space, spaces.MultiDiscrete | spaces.Box) and _is_array(value):
        array = np.asarray(_on_this_side(value))
        is_exact = array.dtype.kind in "iu" or (array.dtype.kind == "f" and space.dtype.kind == "f")
        return array.astype(space.dtype) if is_exact else array
    return value


def _is_whole(number: Any) -> bool:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    return isinstance(number, int) or number.is_integer()


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, np.generic)


def _on_this_side(tensor: Any) -> Any:
    """A tensor in a form that NumPy accepts: detached from its gradient and moved from its device."""
    detached = tensor.detach() if hasattr(tensor, "detach") else tensor
    return detached.cpu() if hasattr(detached, "cpu") else detached
