"""A run's trajectories in the formats of others: chats, ATIF, OpenTelemetry."""
