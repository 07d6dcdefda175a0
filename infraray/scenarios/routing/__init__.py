"""Routing: find and repair misconfigurations in a live network."""
