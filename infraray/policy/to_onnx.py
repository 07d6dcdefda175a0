"""Writes a model of this package for onnxruntime-genai, beside the one for transformers and on the same weights.

    python -m infraray.policy.to_onnx FOLDER      # pip install 'infraray[onnx,transformers]' onnx-ir

The library's own builder writes the weights once more, in float32. Here its graph is kept and its weights are not: ONNX
takes a tensor from any place of a file beside it, and in ``model.safetensors`` they lie one after the other. The graph
makes of them what the builder made (float32, transposed, queries, keys and values together) and computes the tables
of the rotary embedding; ONNX Runtime does both once, when it loads the model. FOLDER gains ``model.onnx`` and
``genai_config.json``, of 50 kB together.
"""

# mypy: disable-error-code="import-not-found,import-untyped,no-untyped-call"
from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ModuleNotFoundError as error:
    sys.exit(f"error: {error.name} is not installed; pip install 'infraray[onnx,transformers]' onnx-ir")

MODEL, CONFIG, WEIGHTS = "model.onnx", "genai_config.json", "model.safetensors"

NAMES = (
    (r"model\.layers\.\d+\.final_norm_layernorm\.weight", ("model.norm.weight",)),
    (r"lm_head\.MatMul\.weight", ("model.embed_tokens.weight",)),
    (
        r"(model\.layers\.\d+)\.attn\.qkv_proj\.(?:MatMul|Add)\.(weight|bias)",
        tuple(rf"\1.self_attn.{part}_proj.\2" for part in "qkv"),
    ),
    (r"(model\.layers\.\d+)\.attn\.o_proj\.MatMul\.weight", (r"\1.self_attn.o_proj.weight",)),
    (r"(model\.layers\.\d+\.mlp\.\w+)\.MatMul\.weight", (r"\1.weight",)),
    (r"(model\.layers\.\d+\.\w+_layernorm\.weight)", (r"\1",)),
)
"""The builder's name of a tensor, and those of the tensors that it is made of."""


def write(folder: Path) -> None:
    """Adds the graph and its configuration to a folder that holds a model for transformers.

    Raises:
        subprocess.CalledProcessError: the builder failed; it has said why.
        ValueError: the graph would not compute with the same numbers as the builder's.
    """
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch, "built")
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", str(folder), "-o", str(built)]
        subprocess.run([*builder, "-p", "fp32", "-e", "cpu", "-c", str(Path(scratch, "cache"))], check=True)
        model = onnx.load(built / MODEL)
        config = json.loads((folder / "config.json").read_text())
        # Transformers 5 has moved it.
        rope_theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
        share_weights(model.graph, folder / WEIGHTS, rope_theta)
        onnx.save(model, folder / MODEL)
        shutil.copy(built / CONFIG, folder / CONFIG)


def share_weights(graph: Any, weights: Path, rope_theta: float) -> None:
    """Replaces a graph's weights by what it computes from those in a file.

    Args:
        graph: changed in place.
        weights: a file of safetensors in bfloat16.
        rope_theta: the base of the rotary embedding.

    Raises:
        ValueError: the numbers would not be the same.
    """
    file = weights.read_bytes()
    begin = 8 + int.from_bytes(file[:8], "little")
    stored = {name: tensor for name, tensor in json.loads(file[8:begin]).items() if name != "__metadata__"}
    if other := {tensor["dtype"] for tensor in stored.values()} - {"BF16"}:
        raise ValueError(f"{weights}: holds {', '.join(sorted(other))}; must hold BF16 alone")
    nodes: list[Any] = []
    kept: list[Any] = []
    used: set[str] = set()

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def in_float32(name: str) -> str:
        output = f"{name}/float32"
        if name not in used:
            used.add(name)
            tensor = TensorProto(name=f"{name}/bfloat16", dims=stored[name]["shape"], data_type=TensorProto.BFLOAT16)
            tensor.data_location = TensorProto.EXTERNAL
            first, last = stored[name]["data_offsets"]
            for key, value in (("location", weights.name), ("offset", begin + first), ("length", last - first)):
                tensor.external_data.add(key=key, value=str(value))
            kept.append(tensor)
            node("Cast", [tensor.name], output, to=TensorProto.FLOAT)
        return output

    def numbers(name: str) -> Any:
        first, last = stored[name]["data_offsets"]
        bits = np.frombuffer(file[begin + first : begin + last], "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(stored[name]["shape"])

    for given in graph.initializer:
        parts = parts_of(given.name)
        if given.name in ("cos_cache", "sin_cache"):
            kept += rotary_angles(node, given, rope_theta, used)
        elif parts is None:
            kept.append(given)
        else:
            same = np.concatenate([numbers(part) for part in parts])
            if not np.array_equal(same.T, numpy_helper.to_array(given)):
                raise ValueError(f"{given.name}: is not made of {', '.join(parts)} as this program knows it")
            made = [in_float32(part) for part in parts]
            is_matrix = same.ndim == 2
            together = f"{given.name}/rows" if is_matrix else given.name
            if len(made) > 1:
                node("Concat", made, together, axis=0)
            elif is_matrix:
                together = made[0]
            else:
                node("Identity", made, together)
            if is_matrix:
                node("Transpose", [together], given.name, perm=[1, 0])
    nodes += graph.node
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)


def parts_of(name: str) -> list[str] | None:
    """The stored tensors that one of the builder's is made of; None for one that is not a weight."""
    for pattern, parts in NAMES:
        if found := re.fullmatch(pattern, name):
            return [found.expand(part) for part in parts]
    return None


def rotary_angles(node: Any, table: Any, rope_theta: float, used: set[str]) -> Iterator[Any]:
    """A table of cosines or sines, of shape (positions, half the width of a head): the constants that it is made of."""
    positions, half = table.dims
    if "angles" not in used:
        used.add("angles")
        frequencies = (1 / rope_theta ** (np.arange(half, dtype=np.float32) / np.float32(half))).astype(np.float32)
        for name, value in (
            ("positions/first", np.float32(0)),
            ("positions/end", np.float32(positions)),
            ("positions/step", np.float32(1)),
            ("positions/shape", np.array([-1, 1])),
            ("frequencies", frequencies[None]),
        ):
            yield numpy_helper.from_array(np.asarray(value), name)
        node("Range", ["positions/first", "positions/end", "positions/step"], "positions/row")
        node("Reshape", ["positions/row", "positions/shape"], "positions")
        node("Mul", ["positions", "frequencies"], "angles")
    node("Cos" if table.name == "cos_cache" else "Sin", ["angles"], table.name)


def main() -> None:
    """Reads the folder's name and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of a model that `python -m infraray.policy` made")
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
