"""Programs that run inside a workspace's sandbox; they import only the standard library."""
