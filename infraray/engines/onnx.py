"""Our server on onnxruntime-genai, run by its path: its environment needs neither infraray nor PyTorch."""

from __future__ import annotations

from pathlib import Path

from infraray.engines.kind import EngineKind

SERVER = Path(__file__).parent / "servers" / "onnx_server.py"


class Onnx(EngineKind):
    """Models in the format of onnxruntime-genai, one request at a time."""

    command = (
        *("{python}", "-P", str(SERVER)),
        *("--model", "{model}", "--host", "{host}", "--port", "{port}"),
    )
    name_flag = "served-model-name"
    uses_gpus = False
    modules = ("onnxruntime_genai",)
    packages = ("onnxruntime-genai", "onnxruntime")
    install = "pip install 'infraray[onnx]'"

    def parts(self) -> tuple[str, ...]:
        """The server's program, and the protocol that it speaks."""
        return ("infraray.engines.servers.onnx_server", "infraray.engines.servers.openai_api")
