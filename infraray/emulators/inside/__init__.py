"""Code that runs inside a network's namespaces, next to untrusted commands.

It is imported by a separate process with only the standard library and Mininet, which starts fast and stays small; see
`infraray.emulators.forkserver`.
"""
