"""Means with their uncertainty, paired differences and what they say; for reports and for searches."""
