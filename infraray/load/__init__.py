"""Load on an OpenAI-compatible server: what is sent and when, what came back, and the figures.

`infraray.load.benchmark.bench` is the front door.
"""
