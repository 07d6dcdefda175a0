"""verl has an environment of its own (make test-training); elsewhere, the tests that need it are not there."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("verl") else ["verl/test_*.py"]
