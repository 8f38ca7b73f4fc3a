"""What the code tried: which calls are watched, the two filters, and the process that takes the notices."""
