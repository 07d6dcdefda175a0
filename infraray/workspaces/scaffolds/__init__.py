"""The index of the scaffolds: one registration each, nothing else."""
