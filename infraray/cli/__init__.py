"""The command line: one file a command, and the application that they make up."""

from infraray.cli.application import app, main

__all__ = ["app", "main"]
