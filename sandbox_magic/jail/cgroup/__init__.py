"""Control groups: which tier bounds a run, and the three tiers."""
