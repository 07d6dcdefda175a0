"""The space that objects and their history take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.emulators.cluster.api_server import store
from infraray.emulators.cluster.api_server.errors import ApiError
from infraray.emulators.cluster.api_server.store import Collection, Versions

WRITES = st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 300))), max_size=60)
"""A name, and the length of what is stored there; None removes it."""


@given(WRITES)
def test_space_is_taken_until_a_version_is_forgotten(writes: list[tuple[str, int | None]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "MOST_CHANGES", 5)
        patched.setattr(store, "MOST_BYTES", 2000)
        versions = Versions()
        collections = [Collection(versions), Collection(versions)]
        for number, (name, length) in enumerate(writes):
            collection, key = collections[number % 2], ("", name)
            held = collection.get(key)
            if length is None:
                if held is not None:
                    collection.remove(key)
                continue
            try:
                collection.put(key, {"metadata": {}, "data": "x" * length})
            except ApiError as error:
                assert error.code == 500 and "space" in error.message
                assert versions.bytes + length + 60 > 2000 and collection.get(key) is held
            kept = {id(one): one for collection in collections for one in collection}
            for collection in collections:
                kept |= {id(one.before): one.before for one in collection._history if one.before is not None}
            assert versions.bytes == sum(len(one.json) for one in kept.values()) <= 2000
