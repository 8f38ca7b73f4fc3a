"""What a run is asked for and what comes of it: plain frozen values; no process, no thread, no I/O."""
