"""Inference: launch and tune a server of large language models, measured on real requests (InferenceBench)."""
