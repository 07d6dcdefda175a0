"""Inference: launch and tune an LLM server, measured on real requests (InferenceBench)."""
