"""The command line: one file per command, and the application that they form."""

from infraray.cli.application import app, main

__all__ = ["app", "main"]
