"""Who measures on a device has it alone, however it is named and whoever the other one is."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infraray.deadline import TimeLimit, time_limit
from infraray.hardware import device_lock
from infraray.hardware.device_lock import DeviceLock

TWO_H200 = (("NVIDIA H200", 143771, "GPU-aaaa-1"), ("NVIDIA H200", 143771, "GPU-bbbb-2"))
TWO_KINDS = (("NVIDIA L4", 23034, "GPU-aaaa-1"), ("NVIDIA H200", 143771, "GPU-bbbb-2"))
NOBODY = 65534

Locked = Callable[[str | None], DeviceLock]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for /tmp, which other users reach too."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o1777)
    monkeypatch.setattr(device_lock, "_FOLDER", made)
    yield made
    shutil.rmtree(made)


@contextmanager
def shown(devices: str | None, order: str | None = None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("CUDA_VISIBLE_DEVICES", devices), ("CUDA_DEVICE_ORDER", order)):
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        yield


def is_free(devices: str | None, lock: DeviceLock | None = None, order: str | None = None) -> bool:
    """Whether somebody else who sees these devices may measure."""
    try:
        with shown(devices, order), time_limit(0.3), (lock or DeviceLock()).held():
            return True
    except TimeLimit:
        return False


@pytest.mark.parametrize(
    "name", ["0", "GPU-aaaa-1", "GPU-aaaa", " 0 ", "1,0", "GPU-bbbb,GPU-aaaa", "0,GPU-aaaa-1", None]
)
def test_a_gpu_is_the_same_under_each_of_its_names(name: str | None, folder: Path, driver: Callable[..., None]) -> None:
    driver(*TWO_H200)
    for held in ("0", "GPU-aaaa-1"):
        with shown(held), DeviceLock().held():
            assert not is_free(name)
            assert is_free("1") and is_free("GPU-bbbb")
        assert is_free(name)


def test_an_index_that_may_mean_either_of_two_kinds_takes_both(folder: Path, driver: Callable[..., None]) -> None:
    driver(*TWO_KINDS)
    # CUDA counts the fastest first, unless it is told to count by the bus, as the driver does.
    with shown("0"), DeviceLock().held():
        assert not is_free("GPU-aaaa") and not is_free("GPU-bbbb")
    with shown("0", "PCI_BUS_ID"), DeviceLock().held():
        assert not is_free("GPU-aaaa") and is_free("GPU-bbbb")
    with shown("GPU-aaaa"), DeviceLock().held():
        assert not is_free("0") and not is_free("1") and is_free("1", order="PCI_BUS_ID")


def test_what_the_driver_does_not_list_keeps_its_name(folder: Path, driver: Callable[..., None]) -> None:
    for found, name in (((), "0"), (TWO_H200, "MIG-GPU-aaaa-1/1/0")):
        driver(*found)
        with shown(name), DeviceLock().held():
            assert not is_free(name) and is_free("1") and is_free("")


@pytest.mark.parametrize("nothing", ["", "-1"])
def test_without_a_gpu_the_cores_are_the_device(nothing: str, folder: Path, driver: Callable[..., None]) -> None:
    driver(*TWO_H200)
    with shown(nothing), DeviceLock().held():
        assert not is_free("") and not is_free("-1") and is_free("0")


def test_who_waited_in_vain_for_the_second_gives_the_first_back(folder: Path, driver: Callable[..., None]) -> None:
    driver(*TWO_H200)
    late = DeviceLock()
    with shown("1"), DeviceLock().held():
        assert not is_free("0,1", late)
        assert is_free("0") and is_free("0", late)
    assert is_free("0,1", late)


def test_every_user_may_lock_whatever_the_file_mode_mask(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = os.umask(0o077)
    try:
        assert is_free("")
    finally:
        os.umask(mask)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o666
    # Nor does it matter where somebody's temporary files are.
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "own"))
    assert is_free("") and list(folder.iterdir()) == [file]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_another_users_lock_is_waited_for(folder: Path) -> None:
    with shown(""), DeviceLock().held():
        os.seteuid(NOBODY)
        try:
            assert not is_free("")
        finally:
            os.seteuid(0)
    os.seteuid(NOBODY)
    try:
        assert is_free("")
    finally:
        os.seteuid(0)
