"""Open-ended agents: a folder, a shell and a budget, and what is left in the folder is scored."""
