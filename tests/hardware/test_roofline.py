"""Bounds: known sizes, known orders, and figures that were really measured lie inside."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.hardware.devices import DEVICES, find_device, measure_cpu
from infraray.hardware.model_size import model_size
from infraray.hardware.roofline import Roofline

MISTRAL: dict[str, Any] = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32768,
    "intermediate_size": 14336,
    "torch_dtype": "bfloat16",
}


def written(folder: Path, **changes: Any) -> Path:
    (folder / "config.json").write_text(json.dumps({**MISTRAL, **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "parameters", "active"),
    [
        ({}, 7.248e9, 7.11e9),  # Mistral 7B v0.3
        ({"vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2}, 46.7e9, 12.75e9),  # Mixtral 8x7B
        (
            {
                "hidden_size": 896,
                "num_hidden_layers": 24,
                "num_attention_heads": 14,
                "num_key_value_heads": 2,
                "vocab_size": 151936,
                "intermediate_size": 4864,
                "tie_word_embeddings": True,
            },
            0.494e9,
            0.494e9,
        ),  # Qwen2.5 0.5B
    ],
)
def test_sizes_are_the_published_ones(
    changes: dict[str, Any], parameters: float, active: float, tmp_path: Path
) -> None:
    size = model_size(written(tmp_path, **changes))
    assert size.parameters == pytest.approx(parameters, rel=2e-3)
    assert size.layer_parameters + size.head_parameters == pytest.approx(active, rel=3e-3)


def test_a_token_of_mistral_takes_128_kib_of_cache(tmp_path: Path) -> None:
    assert model_size(written(tmp_path)).kv_bytes_per_token == 128 * 1024


def test_what_vllm_measured_on_an_h200_lies_inside_and_near(tmp_path: Path) -> None:
    roofline = Roofline(model_size(written(tmp_path)), find_device("NVIDIA H200"))
    # vLLM 0.24, random weights, one at a time: TPOT 4.9 ms, TTFT of 8192 tokens 213 ms.
    assert 0.5 * 4.9e-3 < roofline.least_tpot_s(8192) < 4.9e-3
    assert 0.5 * 0.213 < roofline.least_ttft_s(8192) < 0.213
    # 64 at a time, 1024 in, 128 out: 26 requests/s, 3,300 tokens/s.
    assert 26 < roofline.most_request_throughput(1024, 128, 64) < 4 * 26
    assert roofline.most_output_throughput(1088, 64) > 3300


def test_bounds_go_the_right_way(tmp_path: Path) -> None:
    size = model_size(written(tmp_path))
    roofline = Roofline(size, DEVICES["H100-SXM"])
    assert roofline.least_tpot_s(8000) > roofline.least_tpot_s(100)
    assert roofline.least_tpot_s(100, tokens_per_step=4) == pytest.approx(roofline.least_tpot_s(100) / 4)
    halved = Roofline(replace(size, weight_bits=8), DEVICES["H100-SXM"])
    assert halved.least_tpot_s(100) == pytest.approx(roofline.least_tpot_s(100) / 2, rel=0.02)
    assert halved.least_ttft_s(8192) < roofline.least_ttft_s(8192)
    assert roofline.least_ttft_s(8192, cached_tokens=8000) < 0.1 * roofline.least_ttft_s(8192)
    shared = Roofline(size, DEVICES["H100-SXM"], devices=2)
    assert shared.least_ttft_s(8192) == pytest.approx(roofline.least_ttft_s(8192) / 2)
    # More places serve more, up to what the device can.
    served = [roofline.most_request_throughput(1024, 1024, places) for places in (1, 8, 64, 4096, 8192)]
    assert served == sorted(served) and served[-1] < 2 * served[-2] / 1.9
    assert roofline.most_request_throughput(1024, 1, 1) <= 1 / roofline.least_ttft_s(1024) + 1e-9


def test_a_model_that_fits_the_cache_is_bound_by_operations(tmp_path: Path) -> None:
    tiny = written(tmp_path, hidden_size=64, num_hidden_layers=2, intermediate_size=128, vocab_size=512)
    roofline = Roofline(model_size(tiny), DEVICES["H200"])
    assert 0 < roofline.least_tpot_s(100) < 1e-8


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100-SXM"),
        ("NVIDIA H100 PCIe", "H100-PCIe"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40", "L40"),
        ("NVIDIA A10", "A10"),
        ("NVIDIA A10G", "A10G"),
        ("NVIDIA A30", "A30"),
        ("NVIDIA RTX A6000", "A6000"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("NVIDIA H100 NVL", "H100-NVL"),
        ("NVIDIA H20", "H20"),
        ("NVIDIA H200 NVL", "H200"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "A100-40GB"),
        ("Tesla T4", "T4"),
        ("Tesla V100-SXM2-16GB", "V100"),
        ("AMD Instinct MI300X", "MI300X"),
        ("h200", "H200"),
    ],
)
def test_devices_are_found_by_the_names_that_they_give_themselves(said: str, name: str) -> None:
    assert find_device(said).name == name


@pytest.mark.parametrize("name", DEVICES)
def test_every_device_is_found_by_its_own_name_and_is_one(name: str) -> None:
    device = find_device(name)
    assert device.name == name
    # Of all: 0.3 to 8 TB/s, 4 to 256 MB, and the rate doubles where operands are half as wide.
    assert 0.2e12 < device.memory_bytes_per_s < 10e12 and 4e6 <= device.cache_bytes <= 256e6
    widths = sorted(device.flops)
    for narrow, wide in pairwise(widths):
        assert device.flops[narrow] == pytest.approx(2 * device.flops[wide], rel=0.02)


@pytest.mark.parametrize(
    "said",
    [
        *("NVIDIA A100X", "NVIDIA RTX A1000", "NVIDIA T400 4GB", "Tesla T40", "NVIDIA T4G", "NVIDIA L40G"),
        *(
            "NVIDIA GH200 480GB",
            "NVIDIA GB200",
            "NVIDIA H20-3e",
            "NVIDIA A10-24Q",
            "NVIDIA A10M",
            "Tesla V100S-PCIE-32GB",
        ),
        *("NVIDIA RTX 6000 Ada Generation", "NVIDIA GeForce RTX 4090Ti", ""),
    ],
)
def test_a_name_that_only_begins_or_ends_like_a_devices_is_not_known(said: str) -> None:
    with pytest.raises(InfrarayError, match="not known"):
        find_device(said)


def test_an_unknown_device_is_one_line() -> None:
    with pytest.raises(InfrarayError, match="device='Radeon VII': not known"):
        find_device("Radeon VII")


def test_this_machine_can_be_measured() -> None:
    cpu = measure_cpu(0.3)
    assert 1e8 < cpu.memory_bytes_per_s < 1e12
    assert 1e9 < cpu.flops[32] < 1e14
    assert cpu.flops_at(16) == cpu.flops_at(32) == cpu.flops[32]
    assert 0 <= cpu.cache_bytes < 1e10


def test_a_config_without_a_shape_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**MISTRAL, "vocab_size": "many"}))
    with pytest.raises(InfrarayError, match="cannot be read"):
        model_size(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InfrarayError, match="hidden_size is missing; only decoders of the Llama kind are known"):
        model_size(tmp_path)
    with pytest.raises(InfrarayError, match="cannot be read"):
        model_size(tmp_path / "nowhere")
