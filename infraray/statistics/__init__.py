"""Means with their uncertainty, and paired differences with their verdicts; for reports and searches."""
