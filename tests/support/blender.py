"""Debian's Blender as a host of tests: whether it runs here, and how its Python finds our packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from typing import Final

from support.workstation import SOURCE

__all__ = ["BLENDER", "borrowed", "reason_not_to_run"]

BLENDER: Final = shutil.which("blender")
_PROBE: Final = "import json, sys; print('PROBE' + json.dumps(sys.version_info[:2]))"


def reason_not_to_run() -> str:
    """Return why Blender can't be used in tests here, "" where it can."""
    if BLENDER is None:
        return "no blender on PATH (Debian: apt-get install blender)"
    done = subprocess.run(
        [BLENDER, "-b", "--python-expr", _PROBE], capture_output=True, text=True, check=False
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("PROBE")), None)
    if line is None:
        return f"{BLENDER} does not run Python in the background here"
    version = json.loads(line.removeprefix("PROBE"))
    if version != list(sys.version_info[:2]):
        return f"blender has Python {version[0]}.{version[1]}, which can't borrow the packages of this one"
    return ""


def borrowed() -> dict[str, str]:
    """Return the PYTHONPATH with which Blender's Python finds our packages, and not our standard library."""
    return {"PYTHONPATH": os.pathsep.join([str(SOURCE), sysconfig.get_paths()["purelib"]])}
