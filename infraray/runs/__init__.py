"""Runs: what a file or flags ask for, and the plan that follows from it."""
