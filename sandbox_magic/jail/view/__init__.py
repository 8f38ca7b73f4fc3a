"""What a sandbox sees: interpreters, binds, workspaces, and its own directory."""
