"""The sandbox itself: one kernel facility per file. Knows nothing of notebooks."""
