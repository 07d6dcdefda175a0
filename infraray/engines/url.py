"""A server that somebody else runs: it is asked whether it answers, but never started or ended."""

from infraray.engines.kind import EngineKind


class Url(EngineKind):
    """A server that is already running, at the spec's ``url``."""

    ready_path = "/v1/models"
