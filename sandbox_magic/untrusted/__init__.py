"""What came out of a sandbox, made safe to show or to use."""
