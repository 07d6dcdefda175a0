"""Kubernetes policy: find and repair misconfigured NetworkPolicies in a live cluster."""
