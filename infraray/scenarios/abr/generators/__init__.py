"""Generators of throughput traces, one per file: ``generate(parameters, random)`` returns a `Trace`."""
