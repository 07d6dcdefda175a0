"""What OpenAI-compatible servers send, as they do in practice: read once, for chat agents and the load generator."""
