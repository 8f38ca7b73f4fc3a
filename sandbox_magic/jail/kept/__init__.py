"""A process that is kept, from which small programs of ours are forked: a Python for each would take 15 ms to start."""
