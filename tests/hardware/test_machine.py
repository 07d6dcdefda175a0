"""What a machine says about itself, with a stand-in for the driver that knows the GPUs."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pynvml
import pytest

from infraray.errors import InfrarayError
from infraray.hardware.gpus import listed_gpus
from infraray.hardware.machine import Hardware, this_machine
from infraray.provenance import session

TWO_H200 = (("NVIDIA H200", 143771, "GPU-aaaa-1"), ("NVIDIA H200", 143771, "GPU-bbbb-2"))


@pytest.fixture
def machine_with(driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hardware]:
    """Looks again at this machine, of whose GPUs a stand-in tells."""

    def look(*found: tuple[str, int | None, str], visible: str | None = None, error: int | None = None) -> Hardware:
        driver(*found, error=error)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        return this_machine()

    return look


def test_the_identity_is_plain_data_and_stays() -> None:
    identity = this_machine().identity
    assert json.loads(json.dumps(identity)) == identity
    assert set(identity) == {"processor", "cores", "gpus"}
    this_machine.cache_clear()
    assert this_machine().identity == identity


def test_this_machine_has_cores_and_memory() -> None:
    machine = this_machine()
    assert machine.cores >= 1 and 0.5 < machine.memory_gib < 1e5 and machine.processor
    assert f"{machine.cores} cores of {machine.processor}" in str(machine)


def test_gpus_are_those_that_the_driver_tells_of(machine_with: Callable[..., Hardware]) -> None:
    machine = machine_with(*TWO_H200)
    assert machine.gpus == ("NVIDIA H200", "NVIDIA H200")
    assert machine.gpu_memory_gib == pytest.approx(140.4, abs=0.1)
    assert str(machine).startswith("2 x NVIDIA H200 with 140 GiB; ")
    assert machine.device().name == "H200"


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("0", ("NVIDIA H200",)),
        ("1, 0", ("NVIDIA L4", "NVIDIA H200")),
        ("GPU-bbbb", ("NVIDIA L4",)),
        ("7", ()),
        ("-1", ()),
        ("", ()),
    ],
)
def test_only_visible_gpus_count(visible: str, names: tuple[str, ...], machine_with: Callable[..., Hardware]) -> None:
    found = ("NVIDIA H200", 143771, "GPU-aaaa-1"), ("NVIDIA L4", 23034, "GPU-bbbb-2")
    assert machine_with(*found, visible=visible).gpus == names


def test_without_a_driver_there_is_no_gpu(machine_with: Callable[..., Hardware]) -> None:
    for error in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED, None):
        machine = machine_with(error=error)
        assert machine.gpus == () and str(machine).startswith("no GPU; ")
    assert machine.device().name == "CPU"


def test_a_driver_that_cannot_be_asked_is_told(
    machine_with: Callable[..., Hardware], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine_with(*TWO_H200)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    listed_gpus.cache_clear()
    assert listed_gpus() == ()
    listed_gpus.cache_clear()
    (tmp_path / "version").touch()
    monkeypatch.setattr("infraray.hardware.gpus._DRIVER", tmp_path / "version")
    this_machine.cache_clear()
    with pytest.raises(
        InfrarayError, match=r"^GPUs: nvidia-ml-py is not installed; run pip install 'infraray\[inference\]'$"
    ):
        this_machine()
    assert session()["hardware"]["gpus"] == [
        "GPUs: nvidia-ml-py is not installed; run pip install 'infraray[inference]'"
    ]


def test_a_session_keeps_the_gpus_and_their_driver(machine_with: Callable[..., Hardware]) -> None:
    machine_with(*TWO_H200)
    assert session()["hardware"]["gpus"] == ["NVIDIA H200, 143771 MiB, 580.65"] * 2


def test_a_gpu_without_memory_of_its_own_is_one(machine_with: Callable[..., Hardware]) -> None:
    machine = machine_with(("NVIDIA GB10", None, "GPU-cccc-3"))
    assert (machine.gpus, machine.gpu_memory_gib) == (("NVIDIA GB10",), 0.0)
    with pytest.raises(InfrarayError, match="device='NVIDIA GB10': not known"):
        machine.device()


def test_memory_does_not_make_another_machine() -> None:
    machine = Hardware("a processor", 2, 16.0)
    assert replace(machine, memory_gib=15.9).identity == machine.identity
    assert replace(machine, cores=3).identity != machine.identity
