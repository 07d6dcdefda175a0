"""Capacity planning: questions about a datacenter topology that an agent answers with code."""
