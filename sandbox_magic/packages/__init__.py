"""Packages for a run, as wheels: where they come from, what is let out of a wheel, and where that is kept."""
