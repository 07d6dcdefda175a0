"""Routing: find and repair what is misconfigured in a live network."""
