"""The reference server's launch configurations: there is little to set, which makes it the baseline."""

from __future__ import annotations

from infraray.scenarios.inference.launching.launch_space import LaunchSpace
from infraray.space.hyperparameters import Categorical
from infraray.space.search_space import SearchSpace


def _space(max_tokens: int) -> SearchSpace:
    return SearchSpace(
        "transformers", 1, (Categorical("dtype", (None, "float32", "bfloat16", "float16"), default=None),)
    )


TRANSFORMERS = LaunchSpace("transformers", "transformers", "4.56 and later", _space)
