"""Starts PID 1, as a script: `sandbox_guest` is the directory in which this file is."""

import os
import sys

sys.path[0] = os.path.dirname(sys.path[0])
from sandbox_guest import init  # noqa: E402 - it is found there

init.main()
