"""The hardware that serves models, and its peak performance."""
