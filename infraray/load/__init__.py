"""A load generator for OpenAI-compatible servers: requests and their timing, responses, and metrics.

`infraray.load.benchmark.bench` is the front door.
"""
