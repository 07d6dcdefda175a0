"""Every figure of docs/figures.md, as a script that prints a ratio."""
