"""Walk a new user's ten minutes: bare clone, demo, a program of their own, two lines added. Run by nox.

    python tests/quickstart.py              with the package index that pip knows
    python tests/quickstart.py --wheels DIR from a folder of wheels alone

It clones this repository's last commit into a temporary folder, and does there what the README and the
tutorial say, with nothing but this interpreter: the demo, a program that knows nothing of clientobs under
`clientobs run` (once well, once failing), then the same with two lines added. It prints how long each step took
and fails where one fails, where a trace does not show what the program did, or where all of it takes ten
minutes or more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEN_MINUTES = 600.0

# What a user has on the desk: it knows nothing of clientobs, and fails where its folder is missing.
TOOL = """
import pathlib, sys

def convert(folder):
    for number in range(3):
        pathlib.Path(folder, f"out.{number}.txt").write_text("converted")

convert(sys.argv[1])
print("converted 3 files")
"""
TWO_LINES = """
import clientobs
clientobs.init("converter", version="0.1.0")
"""


class Walk:
    """Does one step after the other and remembers how long each took."""

    def __init__(self, folder: Path, wheels: str | None) -> None:
        self.clone = folder / "clone"
        self.desk = folder / "desk"
        self.desk.mkdir()
        self.options = ["--wheels", wheels] if wheels else []
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("CLIENTOBS_", "OTEL_"))
        }
        self.environ = {
            **kept,
            "CLIENTOBS_HOME": str(folder / "home"),
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUTF8": "1",
        }
        self.started = time.monotonic()

    def step(self, what: str, *command: str, code: int = 0) -> str:
        """Run one command as the user would, and return what it printed; `code` is how it must end."""
        begun = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.desk,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=None if code == 0 else subprocess.DEVNULL,  # the traceback that we asked for
            encoding="utf-8",
            check=False,
        )
        sys.stdout.write(f"{time.monotonic() - begun:7.1f} s  {what}\n")
        sys.stdout.flush()
        if done.returncode != code:
            raise SystemExit(f"{what}: ended with {done.returncode}\n{done.stdout}")
        return done.stdout

    def dev(self, what: str, *arguments: str, code: int = 0) -> str:
        """Run dev.py of the clone."""
        dev = str(self.clone / "dev.py")
        return self.step(what, sys.executable, dev, *self.options, *arguments, code=code)

    def walk(self) -> None:
        """Go all the way."""
        self.step("clone", "git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(self.clone))
        must_show(self.dev("python3 dev.py demo", "demo"), "✗ failed", "Unknown encoder", "write_manifest")
        tool = self.desk / "convert.py"
        tool.write_text(TOOL, encoding="utf-8")
        self.unchanged("python", str(tool))
        changed = TOOL.replace("convert(sys.argv[1])", "clientobs.traced(convert)(sys.argv[1])")
        tool.write_text(TWO_LINES + changed, encoding="utf-8")
        python = ("run", "python", str(tool), str(self.desk))
        must_show(self.dev("two lines and a span added", *python), "converted 3 files")
        must_show(self.dev("its trace", "run", "clientobs", "show"), "converter 0.1.0", "convert ")
        must_show(self.dev("all that was run", "run", "clientobs", "status"), "✓ convert ", "✓ converter")
        self.in_time()

    def unchanged(self, *program: str) -> None:
        """See the traces of a program that nobody has changed: one that goes well, one that fails."""
        lent = ("run", "clientobs", "run", "--", *program)
        show = ("run", "clientobs", "show")
        must_show(self.dev("a program of the user's, unchanged", *lent, str(self.desk)), "converted 3 files")
        must_show(self.dev("its trace", *show), "── convert ", "✓ ok", "convert.py", "1 span")
        self.dev("the same where it fails", *lent, str(self.desk / "missing"), code=1)
        must_show(self.dev("its trace", *show, "--failed"), "✗ convert.py", "FileNotFoundError", "in convert")

    def in_time(self) -> None:
        """Fail where it took too long."""
        took = time.monotonic() - self.started
        sys.stdout.write(f"{took:7.1f} s  in all\n")
        if took >= TEN_MINUTES:
            raise SystemExit("that is more than ten minutes")


def must_show(output: str, *words: str) -> None:
    """Fail where a word is missing."""
    missing = [word for word in words if word not in output]
    if missing:
        raise SystemExit(f"not shown: {missing}\n{output}")


def main() -> None:
    """Walk through the ten minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=os.path.abspath, help="a folder of wheels, made by `dev.py wheels`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clientobs-quickstart-", ignore_cleanup_errors=True) as folder:
        Walk(Path(folder), options.wheels).walk()


if __name__ == "__main__":
    main()
