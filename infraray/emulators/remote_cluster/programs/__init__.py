"""What runs in the remote cluster's pods: standalone programs of Python's standard library, sent there as text."""
