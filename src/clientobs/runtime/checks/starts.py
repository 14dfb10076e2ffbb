"""What drains left behind that could not start: which interpreters proved unfit, and the fault that ended one."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Final

from clientobs._own_file import read_file
from clientobs.drain.launch.interpreter import MEMORY
from clientobs.drain.launch.start import FAILURE, LAST_WORDS
from clientobs.runtime.checks.home import find_home
from clientobs.runtime.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientobs.runtime.checks.patient import Patient

__all__ = ["check"]

_SECTION = "drain"
_MAX_BYTES: Final = 64 << 10


def check(patient: Patient) -> Iterator[Finding]:
    """Yield what `<home>/drain` tells of starts that failed; nothing where a later one began well."""
    home = find_home(patient)
    if home is None:
        return
    folder = os.path.join(home.path, "drain")
    since = _written(os.path.join(folder, MEMORY))
    yield from _unfit(os.path.join(folder, FAILURE), since)
    yield from _last_words(os.path.join(folder, LAST_WORDS), since)


def _unfit(path: str, since: float) -> Iterator[Finding]:
    text, age = _read(path, since)
    if not text:
        return
    try:
        tried = [(str(python), str(reason)) for python, reason in json.loads(text)["unfit"]]
    except (ValueError, KeyError, TypeError):
        tried = [(path, "it can't be read")]
    yield Finding(
        section=_SECTION,
        level="problem",
        text=f"no interpreter could run it ({age}): "
        + "; ".join(f"{python}: {reason}" for python, reason in tried),
        remedy="install clientobs for one of them, name another by CLIENTOBS_DRAIN_PYTHON, run a drain as a "
        "service with CLIENTOBS_DRAIN=external, or set CLIENTOBS_DRAIN=thread",
        facts={"file": path, "unfit": [list(pair) for pair in tried]},
    )


def _last_words(path: str, since: float) -> Iterator[Finding]:
    text, age = _read(path, since)
    if not text:
        return
    last = text.rstrip().splitlines()[-1]
    yield Finding(
        section=_SECTION,
        level="warning",
        text=f"one ended by a fault of its own ({age}): {last}",
        remedy=f"the next start tries again; if it comes back, please report {path}, then delete it",
        facts={"file": path, "text": text},
    )


def _read(path: str, since: float) -> tuple[str, str]:
    """Return a file's text and when it was written; ("", "") where a drain has begun after that."""
    written = _written(path)
    if written <= since:
        return "", ""
    text = read_file(path, _MAX_BYTES).decode("utf-8", "backslashreplace")
    return text, time.strftime("%Y-%m-%d %H:%M", time.localtime(written))


def _written(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:  # nothing of the kind has happened here
        return 0.0
