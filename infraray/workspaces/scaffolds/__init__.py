"""The index of the scaffolds: one registration each, nothing else."""

from infraray.workspaces.scaffolds.scaffold import register_scaffold

register_scaffold("claude-code", "infraray.workspaces.scaffolds.claude_code:ClaudeCode")
register_scaffold("codex", "infraray.workspaces.scaffolds.codex:Codex")
register_scaffold("opencode", "infraray.workspaces.scaffolds.opencode:OpenCode")
