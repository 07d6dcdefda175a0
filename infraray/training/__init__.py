"""Training: a policy learns in the environments in which it is evaluated, with the same prompts and memory."""
