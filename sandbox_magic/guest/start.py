"""Starts PID 1: a script is compiled at each start, a module that it imports is not."""

import init

init.main()
