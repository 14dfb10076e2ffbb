"""Whether an application has come up: its own Python has started, and says so.

Every Python below `clientobs run` starts with our sitecustomize, and that appends a line to a file which the launcher
watches: its pid, version and names, tab-separated. Not each is the application's: launchers and package managers
are written in Python too, and start before it. Of a known application only a Python within a program, or a script,
of its name counts; of any other the first that comes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Final, NamedTuple

__all__ = ["SIGN_VARIABLE", "Arrival", "Signs", "arrival_in"]

SIGN_VARIABLE: Final = "_CLIENTOBS_RUN_SIGN"
_NAMES: Final = {
    "3dsmax": ("3dsmax",),
    "blender": ("blender",),
    "houdini": ("houdini", "hython", "hbatch", "hindie", "happrentice", "hescape"),
    "katana": ("katana",),
    "maya": ("maya",),
    "nuke": ("nuke",),
    "unreal": ("unrealeditor", "ue4editor"),
}
_FIELDS: Final = 3
_MOST: Final = 65_536


class Arrival(NamedTuple):
    """A Python that has started: its process and version."""

    pid: int
    python: str


class Signs:
    """The file to which each Python below appends its line."""

    def __init__(self, dcc: str) -> None:
        self._dcc = dcc
        descriptor, self.path = tempfile.mkstemp(prefix="clientobs-launch-")
        os.close(descriptor)

    def arrival(self) -> Arrival | None:
        """Return the application's Python, once it has started."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                return arrival_in(file.read(_MOST), self._dcc)
        except OSError:
            return None  # a cleaner of temporary files took it

    def remove(self) -> None:
        """Take the file away: a Python that finds none says nothing."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def arrival_in(text: str, dcc: str) -> Arrival | None:
    r"""Return the application's Python among the lines that have come so far.

    >>> arrival_in("7\t3.11\tpython3.11\trez\n", "maya") is None
    True
    >>> arrival_in("7\t3.11\tpython3.11\trez\n9\t3.11\tmaya.bin\n", "maya")
    Arrival(pid=9, python='3.11')
    """
    wanted = _NAMES.get(dcc.lower())
    for line in text.split("\n")[:-1]:  # what has no end yet is being written
        fields = line.split("\t")
        if len(fields) < _FIELDS or not fields[0].isdecimal():
            continue
        if wanted is None or any(name.lower().startswith(wanted) for name in fields[2:]):
            return Arrival(int(fields[0]), fields[1])
    return None
