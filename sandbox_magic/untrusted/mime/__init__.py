"""What a cell shows, cleaned kind by kind: a MIME bundle with what may be shown of it."""
