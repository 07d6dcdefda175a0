"""Our reference server on PyTorch and transformers, run by its path: its environment needs no infraray."""

from __future__ import annotations

from pathlib import Path

from infraray.engines.kind import EngineKind
from infraray.engines.launch_space import LaunchSpace
from infraray.space import Categorical, SearchSpace

SERVER = Path(__file__).parent / "servers" / "transformers_server.py"


def _space(max_tokens: int) -> SearchSpace:
    """The space has little to set, as befits a baseline."""
    return SearchSpace(
        "transformers", 1, (Categorical("dtype", (None, "float32", "bfloat16", "float16"), default=None),)
    )


class Transformers(EngineKind):
    """The reference server: one request at a time."""

    command = (
        # -P: as in a fork of the zygote's, the program says itself what it takes from its own folder.
        *("{python}", "-P", str(SERVER)),
        *("--model", "{model}", "--host", "{host}", "--port", "{port}"),
    )
    name_flag = "served-model-name"
    modules = ("torch", "transformers")
    packages = ("torch", "transformers")
    install = "pip install 'infraray[transformers]'"
    preload = ("torch", "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto")
    launch_spaces = (LaunchSpace("", "4.56 and later", _space),)

    def parts(self) -> tuple[str, ...]:
        """The server's program, and the protocol that it speaks."""
        return ("infraray.engines.servers.transformers_server", "infraray.engines.servers.openai_api")
