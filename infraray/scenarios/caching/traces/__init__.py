"""Traces: readers of request files in several formats, and a trace that we recorded."""

from infraray.scenarios.caching.traces.read import RECORDED_TRACE, Trace, read_trace

__all__ = ["RECORDED_TRACE", "Trace", "read_trace"]
