"""OpenAI's protocol as servers speak it in practice: one reader for chat agents and the load generator."""
