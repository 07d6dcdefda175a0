"""Measurements take places, which are files that nothing isolated can lock."""

from __future__ import annotations

import os

import pytest

from infraray.emulators.network.inside import measuring_places
from infraray.isolation import Limits, Sandbox, problem
from tests.isolation.elsewhere import in_namespaces

SEARCH = """
import os
wanted = {wanted}
for folder, below, names in os.walk("/"):
    if folder == "/":
        below.remove("usr")  # large, and looked at below
    for name in names:
        try:
            found = os.stat(os.path.join(folder, name))
        except OSError:
            continue
        if (found.st_dev, found.st_ino) in wanted:
            print(folder, name)
print("searched")
"""


def test_every_turn_has_a_file() -> None:
    assert all(path.is_file() and os.access(path, os.R_OK) for path in measuring_places.FILES)


@pytest.mark.skipif(problem() is not None, reason=str(problem()))
@pytest.mark.parametrize("network", ["none", "inherit"])
def test_no_turns_file_is_in_sight_of_what_runs_isolated(network: str) -> None:
    identities = {(os.stat(path).st_dev, os.stat(path).st_ino) for path in measuring_places.FILES}

    def search() -> str:
        limits = Limits(wall_s=60, cpu_s=60)
        return Sandbox(limits, network).run_python(SEARCH.format(wanted=identities)).output  # type: ignore[arg-type]

    assert (search() if network == "none" else in_namespaces(search)) == "searched\n"


def test_no_turns_file_is_below_a_folder_that_a_sandbox_shows() -> None:
    shown = ("/usr", "/bin", "/lib", "/sbin", "/etc", "/proc/sys")
    assert not any(str(path.resolve()).startswith(shown) for path in measuring_places.FILES)
