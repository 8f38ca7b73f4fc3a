"""A stranger's notebook file: read into plain values, its saved outputs and its prose made safe to show."""
