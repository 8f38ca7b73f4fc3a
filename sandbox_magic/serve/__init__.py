"""Runs over HTTP: an application of its own forms and of those that others' clients speak."""
