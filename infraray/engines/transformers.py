"""Our reference server on PyTorch and transformers, run by its path: its environment needs no infraray."""

from pathlib import Path

from infraray.engines.launcher import Launcher

SERVER = Path(__file__).with_name("transformers_server.py")

TRANSFORMERS = Launcher(
    name="transformers",
    command=(
        # -P: the file's own folder, where this module has the library's name, is not searched.
        *("{python}", "-P", str(SERVER)),
        *("--model", "{model}", "--host", "{host}", "--port", "{port}"),
    ),
    preload=("torch", "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto"),
)
