"""``python -m sandbox_magic`` is the command ``sandbox-magic``."""

import sys

from sandbox_magic.cli.main import main

sys.exit(main())
