"""A directory of the user's: packed for the sandbox, what changed in it, and how that is applied."""
