"""`python -m clientobs COMMAND`: the command line, where no script named `clientobs` is on PATH."""

from __future__ import annotations

import sys

from clientobs.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
