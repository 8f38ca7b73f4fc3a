"""The live widget of one run."""
