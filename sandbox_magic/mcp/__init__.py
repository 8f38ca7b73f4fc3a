"""Runs as tools of the Model Context Protocol, for a language model's client."""
