"""What a machine has to serve models with, and what it can do at most."""
