"""The code that runs inside the sandbox, where it is the package `sandbox_guest`: Python 3.9, no dependency."""
