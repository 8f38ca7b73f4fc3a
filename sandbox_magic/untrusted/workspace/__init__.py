"""The user's directory: packed for the sandbox, what changed in it, and how that is applied."""
