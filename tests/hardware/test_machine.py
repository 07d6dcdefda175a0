"""What a machine says about itself, with a stand-in for the program that knows the GPUs."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from infraray.errors import InfrarayError
from infraray.hardware.machine import Hardware, this_machine

TWO_H200 = "NVIDIA H200, 143771, GPU-aaaa-1\nNVIDIA H200, 143771, GPU-bbbb-2\n"


@pytest.fixture
def machine_with(nvidia_smi: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hardware]:
    """Looks at this machine anew, where nvidia-smi prints a text and ends with a status."""

    def look(printed: str, visible: str | None = None, status: int = 0) -> Hardware:
        nvidia_smi(printed, status)
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
    machine = machine_with(TWO_H200)
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
    printed = "NVIDIA H200, 143771, GPU-aaaa-1\nNVIDIA L4, 23034, GPU-bbbb-2\n"
    assert machine_with(printed, visible).gpus == names


def test_without_a_driver_there_is_no_gpu(machine_with: Callable[..., Hardware]) -> None:
    for printed, status in (
        ("NVIDIA-SMI has failed, since, it could not\n", 9),
        ("No devices were found\n", 0),
        ("", 0),
    ):
        machine = machine_with(printed, status=status)
        assert machine.gpus == () and str(machine).startswith("no GPU; ")
    assert machine.device().name == "CPU"


def test_a_gpu_without_memory_of_its_own_is_one(machine_with: Callable[..., Hardware]) -> None:
    machine = machine_with("NVIDIA GB10, [N/A], GPU-cccc-3\n")
    assert (machine.gpus, machine.gpu_memory_gib) == (("NVIDIA GB10",), 0.0)
    with pytest.raises(InfrarayError, match="device='NVIDIA GB10': not known"):
        machine.device()


def test_memory_does_not_make_another_machine() -> None:
    machine = Hardware("a processor", 2, 16.0)
    assert replace(machine, memory_gib=15.9).identity == machine.identity
    assert replace(machine, cores=3).identity != machine.identity
