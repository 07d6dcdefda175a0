"""Played episodes on disk: Arrow segments while they are written, Parquet when done."""
