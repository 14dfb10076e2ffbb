"""A child that ended with code 0 and left an empty file: which process should have written it.

What a child writes nobody here sees. But its command names files, and one that looks like its output (behind -o and
its like, last on the line, where its standard output went), was changed while it ran, and is empty afterwards, is worth
a word. Where it lies on network storage that is looked at by a thread of its own: a NAS that hangs stops nobody else.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
import time
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs._patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clientobs.instruments.processes.child import Child

__all__ = ["Outputs", "named_outputs"]

_FLAGS: Final = frozenset(
    {"-o", "--output", "--out", "-out", "--outfile", "-of", "--output-file", "-O", "--dst"}
)
_MAKES_EMPTY: Final = frozenset(
    {"touch", "truncate", "mktemp", "flock", "lockfile", "mkfifo", "install", "rm"}
)
"""Programs whose empty file is what was wanted."""
_PATH: Final = pattern(r"[^\s*?%#$<>|\"]{1,1024}\Z")
_EXTENSION: Final = pattern(r"\.[A-Za-z][A-Za-z0-9]{0,7}\Z")
_REDIRECT: Final = pattern(r"(?<![0-9&>])1?>{1,2}\s*(?:\"([^\"]+)\"|'([^']+)'|([^\s;|&<>\"']+))", re.ASCII)
_OF_ERRORS: Final = pattern(r"(?:2>{1,2}|&>{1,2})\s*(?:\"[^\"]+\"|'[^']+'|[^\s;|<>\"']+)")
_MOST: Final = 8
_WAITING: Final = 64
_SKEW_LOCAL: Final = 2.0
_SKEW_NETWORK: Final = 120.0
"""Seconds by which a file's time may be off: a coarse file system, a server's clock."""
# The module below `os`, which nobody patches: our own look is no file operation of the host's.
_stat: Final[Callable[[str], os.stat_result]] = (sys.modules.get("posix") or sys.modules["nt"]).stat


def named_outputs(words: Sequence[str], *, shell: bool = False) -> list[str]:
    """Return the words of a command that look like files which it writes, as they stand there.

    >>> named_outputs(["oiiotool", "in.exr", "-o", "out.exr"]), named_outputs(["ls", "-l"])
    (['out.exr'], [])
    """
    if shell:
        text = _OF_ERRORS.sub(" ", words[0][:8_192] if words else "")  # an empty error log is a good sign
        found = [next(filter(None, match.groups())) for match in _REDIRECT.finditer(text)]
        words = text.split()
    else:
        found = []
    for flag, word in pairwise(words):
        if flag in _FLAGS:
            found.append(word)
        name, equals, value = word.partition("=")
        if equals and name in _FLAGS:
            found.append(value)
    if len(words) > 1 and _is_file(words[-1]):
        found.append(words[-1])
    return [path for path in dict.fromkeys(found) if _PATH.match(path) and "://" not in path][:_MOST]


def _is_file(word: str) -> bool:
    return not word.startswith("-") and _EXTENSION.search(word) is not None and "=" not in word


class Outputs:
    """Looks at what children have left; `tell(child, paths)` is called for those that are empty."""

    def __init__(self, is_network: Callable[[str], bool], tell: Callable[[Child, list[str]], None]) -> None:
        self._is_network = is_network
        self._tell = tell
        self._waiting: deque[tuple[Child, list[str]]] = deque(maxlen=_WAITING)
        self._thread: threading.Thread | None = None

    def forget(self) -> None:
        """Begin anew in a forked child."""
        self._waiting.clear()
        self._thread = None

    def look(self, child: Child) -> None:
        """Look at what a child that ended well has left: at once on local storage, else soon."""
        command = child.command
        if len(command.words) < 2 and not command.shell and not child.redirected:  # noqa: PLR2004  # no arguments
            return
        if command.name in _MAKES_EMPTY:
            return
        folder = child.folder or os.getcwd()
        paths = [*child.redirected, *named_outputs(command.words, shell=command.shell)]
        paths = [os.path.join(folder, path) for path in dict.fromkeys(paths)]
        local = [path for path in paths if not self._is_network(path)]
        if local:
            self._judge(child, local, _SKEW_LOCAL)
        if len(local) < len(paths):
            self._waiting.append((child, [path for path in paths if path not in local]))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="clientobs-outputs", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while self._waiting:
            try:
                child, paths = self._waiting.popleft()
                self._judge(child, paths, _SKEW_NETWORK)
            except Exception as error:  # noqa: BLE001  # our own thread: the next child is looked at all the same
                faults.record("processes.outputs", error)

    def _judge(self, child: Child, paths: list[str], skew: float) -> None:
        ran = (time.monotonic_ns() - child.started_at) / 1e9
        since = time.time() - ran - skew
        empty = [path for path in paths if _is_empty(path, since)]
        # An empty file that was copied, packed or converted is no surprise.
        if empty and not any(_is_empty(path, 0.0) for path in _others(child, empty)):
            self._tell(child, empty)


def _is_empty(path: str, since: float) -> bool:
    try:
        found: Any = _stat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0 and found.st_mtime >= since


def _others(child: Child, empty: list[str]) -> list[str]:
    folder = child.folder or os.getcwd()
    words = child.command.words[1 : 1 + _MOST * 2]
    return [path for word in words if _PATH.match(word) and (path := os.path.join(folder, word)) not in empty]
