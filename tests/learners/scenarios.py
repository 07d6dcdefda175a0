"""The simulated scenarios, as a learner makes them: numbers only, and short enough to end a few times."""

SIMULATED = {
    "infraray/LoadBalance-v0": {"text": False, "warmup_steps": 5, "scored_steps": 45},
    "infraray/AdaptiveBitrate-v0": {"text": False, "warmup_steps": 5, "scored_steps": 45},
    "infraray/Caching-v0": {"text": False, "warmup_requests": 10, "scored_requests": 40},
}
