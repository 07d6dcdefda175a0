"""What runs inside a network's namespaces, next to commands that nobody trusts.

Imported by a process of its own that has only the standard library and Mininet, so that it starts
fast and stays small; see `infraray.emulators.forkserver`.
"""
