"""The version of the package, even in a checkout that is not installed, and of the data that it stores."""

__version__ = "0.1.0"

SCHEMA_VERSION = 2
"""Version of the tables in a run's folder (`infraray.trajectories.schema`) and of its ``run.json``."""
