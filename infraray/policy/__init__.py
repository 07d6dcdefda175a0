"""Makes a small language model of our own from nothing: ``python -m infraray.policy``.

It is a Qwen2 of a few million parameters with its own tokenizer and chat template, which transformers, vLLM and verl
load like any other. It reads nothing but conversations of this project's scenarios, learns to play them by imitation
of their experts, and is of no use for anything else: it is where a training starts.
"""
