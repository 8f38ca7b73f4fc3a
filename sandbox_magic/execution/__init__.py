"""One run from the cell that is asked for to its result."""
