"""Version hand-over: a newer clientobs asks an older drain to leave, by a small file.

Only a strictly newer version asks, so two installations on one machine never send each other away in turn.
The older drain finishes its round and leaves; the newer one, already started, waits for the lock. Where the
older one doesn't answer (stopped, stuck), the newer gives up: it is as good to be delivered by an old
version, and correctness never rests on this.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import Final

from clientobs._own_file import read_file, write_file
from clientobs._patterns import pattern
from clientobs.drain.lock import file_of

__all__ = ["ask_to_leave", "asked_to_leave", "is_newer", "withdraw"]

_VERSION: Final = pattern(
    r"v?(\d+(?:\.\d+)*)(?:[-_.]?(dev|a|alpha|b|beta|c|rc|pre|post|rev|r)[-_.]?(\d*))?", re.ASCII
)
_STAGES: Final = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "pre": -1}
_FINAL, _POST = 0, 1
_MAX_BYTES: Final = 256


def _order(version: str) -> tuple[tuple[int, ...], int, int] | None:
    found = _VERSION.match(version)
    if not found:
        return None
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    stage = _STAGES.get(found[2], _POST) if found[2] else _FINAL
    return tuple(numbers), stage, int(found[3] or 0)


def is_newer(version: str, than: str) -> bool:
    """Compare two release numbers as PEP 440 orders them; what can't be read is newer than nothing.

    >>> is_newer("1.10", "1.9"), is_newer("1.0", "1.0rc2"), is_newer("1.0", "1.0.0"), is_newer("?", "1.0")
    (True, True, False, False)
    """
    one, other = _order(version), _order(than)
    return one is not None and other is not None and one > other


def ask_to_leave(home: str, destination: str, version: str) -> None:
    """Ask the drain of `destination` to leave if it is older than `version`. Raises OSError."""
    write_file(file_of(home, destination, "leave"), json.dumps({"version": version}).encode("ascii"))


def asked_to_leave(home: str, destination: str, version: str) -> bool:
    """Say whether a version newer than `version` has asked."""
    try:
        request = json.loads(read_file(file_of(home, destination, "leave"), _MAX_BYTES))
        return is_newer(str(request["version"]), version)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no request, or none that can be read: stay


def withdraw(home: str, destination: str, version: str) -> None:
    """Remove a request that `version` fulfils: called by a drain that has just taken the lock."""
    if not asked_to_leave(home, destination, version):
        with contextlib.suppress(FileNotFoundError):  # mostly nobody had asked
            os.unlink(file_of(home, destination, "leave"))
