"""Code that runs inside an emulator's namespaces, next to untrusted commands, and that all kinds of emulators share.

It is imported by a separate process with only the standard library and what its kind needs, which starts fast and stays
small; see `infraray.emulators.fork_server`.
"""
