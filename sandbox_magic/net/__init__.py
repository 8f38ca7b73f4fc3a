"""The network that a run has: names are resolved and pinned, and what is connected to them is relayed."""
