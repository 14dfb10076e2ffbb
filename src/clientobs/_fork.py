"""What must begin anew in a forked child, in a fixed order, registered once.

os.register_at_fork can't be undone, so one handler is registered for the life of the process and the
callbacks hang on this list, where they can be taken off again (a shut-down Runtime must not be kept alive).
"""

from __future__ import annotations

import os
from collections.abc import Callable

from clientobs._guarded import quiet

__all__ = ["forget", "in_child"]

_callbacks: list[Callable[[], None]] = []
_registered = False


def in_child(callback: Callable[[], None]) -> None:
    """Call `callback` in each forked child, after those registered before it."""
    global _registered  # noqa: PLW0603  # one registration a process, and it can't be undone
    if not _registered and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_run)
        _registered = True
    _callbacks.append(callback)


def forget(callback: Callable[[], None]) -> None:
    """Take `callback` off the list; unknown ones are ignored."""
    if callback in _callbacks:
        _callbacks.remove(callback)


def _run() -> None:
    for callback in tuple(_callbacks):
        with quiet("fork"):
            callback()
