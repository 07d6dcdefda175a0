"""Where this machine cannot isolate commands, its tests say so."""

import pytest

from infraray.isolation import problem


@pytest.fixture(scope="session", autouse=True)
def isolation() -> None:
    reason = problem()
    if reason is not None:
        pytest.skip(reason)
