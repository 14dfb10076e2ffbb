"""Forks: what must begin anew in the child, and a count by which the journal notices one.

os.register_at_fork can't be undone, so the handlers are registered once for the life of the process, and the
callbacks hang on a list where they can be taken off again (a shut-down Runtime must not be kept alive).
"""

from __future__ import annotations

import logging  # noqa: F401  # before our hooks: fork calls the last one first, and logging takes its lock in its own
import os
import threading
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Forks", "Loading", "forget", "forks", "in_child"]

_PATIENCE: Final = 2.0
"""Seconds that a fork waits for an import, 40 ms long on an idle machine: the child would wait for ever."""


class Forks:
    """Counts forks: before one in the parent, and again in the child.

    Whoever keeps the number that was valid when it last asked for its pid need not ask (0.2 us) until the
    number changes.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


forks: Final = Forks()
_callbacks: list[Callable[[], None]] = []


class Loading:
    """Imports modules while nobody forks: `with Loading(): from ... import ...`.

    A thread that is importing when another one forks leaves its module locks held in the child for ever: the child
    stops at its first import of any of these modules, ours or the standard library's. What we import later than
    at init(), most of it on our own thread, must not do that to a host's multiprocessing pool. The waits are
    bounded: a deadlock with somebody's import hook would be worse than the race.
    """

    __slots__ = ("_held",)

    def __enter__(self) -> None:
        lock = _loading
        self._held = lock if lock.acquire(timeout=_PATIENCE) else None

    def __exit__(self, *_error: object) -> None:
        if self._held is not None:
            self._held.release()


_loading = threading.RLock()
_waited = Loading()


def in_child(callback: Callable[[], None]) -> None:
    """Call `callback` in each forked child, after those registered before it."""
    _callbacks.append(callback)


def forget(callback: Callable[[], None]) -> None:
    """Take `callback` off the list; unknown ones are ignored."""
    if callback in _callbacks:
        _callbacks.remove(callback)


def _before() -> None:
    forks.count += 1
    _waited.__enter__()


def _in_parent() -> None:
    _waited.__exit__()


def _begin_anew() -> None:
    global _loading  # noqa: PLW0603  # the parent's may be held by a thread that doesn't exist here
    _loading = threading.RLock()
    forks.count += 1
    for callback in tuple(_callbacks):
        with quiet("fork"):
            callback()


if hasattr(os, "register_at_fork"):
    # At import of this module, which is at init(): before any segment exists, so that no fork goes unseen.
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_begin_anew)
