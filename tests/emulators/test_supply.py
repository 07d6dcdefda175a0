"""A supply that several share; what supplies do is tested with networks."""

import gc
import os
import weakref

from infraray.emulators.supply import Supply, kept_supplies, share


def make() -> Supply:
    return Supply("things", lambda: None)


def test_who_asks_for_the_same_shares_one_as_long_as_somebody_holds_it() -> None:
    one, other, another = share(("things", 1), make), share(("things", 1), make), share(("things", 2), make)
    assert one is other and one is not another
    seen = weakref.ref(one)
    del one
    assert share(("things", 1), make) is other
    del other
    gc.collect()
    assert seen() is None


def test_a_supply_is_kept_until_the_outermost_block_ends() -> None:
    with kept_supplies():
        with kept_supplies():
            first = weakref.ref(share("things", make))
        gc.collect()
        assert first() is not None and share("things", make) is first()
    gc.collect()
    assert first() is None


def test_a_fork_shares_nothing_with_its_parent() -> None:
    with kept_supplies():
        held = share("things", make)
        child = os.fork()
        if child == 0:
            os._exit(0 if share("things", make) is not held and held._close.alive else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert share("things", make) is held
