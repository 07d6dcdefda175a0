"""The package's version, also in a checkout that is not installed, and that of what it stores."""

__version__ = "0.1.0"

SCHEMA_VERSION = 1
"""Of the tables in a run's folder (`infraray.trajectories.schema`) and of its ``run.json``."""
