"""The kernel "Python (sandboxed)": a notebook's messages on the host, its code in one session's sandbox."""
