"""Prove that an installed package works: record a little, read it back. Run by the nox session `package`.

No test: it needs nothing but the package, and runs from any folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile


def main() -> None:
    """Record one span and find it in the journal by the installed command."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(CLIENTOBS_HOME=os.path.join(home, "home"), CLIENTOBS_DRAIN="off")
        import clientobs  # noqa: PLC0415  # after the environment is set

        assert "site-packages" in (clientobs.__file__ or ""), (
            f"not the installed package: {clientobs.__file__}"
        )
        runtime = clientobs.init("smoke", version="1")
        assert runtime.running, runtime.reason
        with clientobs.context(shot="sh0010"), clientobs.span("smoke_test"):
            clientobs.event("smoke", "It works")
            trace_id = clientobs.trace_id()
        clientobs.shutdown()
        command = [sys.executable, "-m", "clientobs.cli.main", "show", str(trace_id)]
        shown = subprocess.check_output(command, encoding="utf-8")
        assert "smoke_test" in shown, shown
        assert "It works" in shown, shown
        print(shown)  # noqa: T201  # a script: what it saw


if __name__ == "__main__":
    main()
