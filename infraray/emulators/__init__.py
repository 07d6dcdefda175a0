"""Emulators: live systems that environments drive, each in namespaces of its own."""
