"""Curriculum: where an agent fails, found in what it has played, and more tasks of that kind."""
