"""Forks: what must come to rest before one and begin anew in the child, and a count by which the journal notices.

os.register_at_fork can't be undone, so the handlers are registered once for the life of the process. The callbacks
hang on a list from which they can be taken off again: a Runtime that was shut down must not be kept alive.
"""

from __future__ import annotations

# Before our hooks, because fork calls the last one first, and these two take a lock in theirs. That of the pools can't
# be taken twice: held while ours wait, a signal handler of the host that forks meanwhile would wait for it for ever.
# The SDK loads both anyway.
import concurrent.futures.thread  # noqa: F401
import logging  # noqa: F401
import os
import threading
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Forks", "Loading", "around", "forget", "forks", "in_child", "later", "settle"]

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
_ahead: list[Callable[[], None]] = []
_afterwards: list[Callable[[], None]] = []
_callbacks: list[Callable[[], None]] = []
_deferred: list[Callable[[], None]] = []


def around(before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call `before` ahead of each fork, and `after` in the parent when it is done; both on the forking thread."""
    _ahead.append(before)
    _afterwards.append(after)


def later(callback: Callable[[], None]) -> None:
    """Call `callback` at the first record after the fork, rather than within it."""
    _deferred.append(callback)


def settle() -> None:
    """Make the calls that wait for the first record; by whoever has noticed that the number has changed."""
    while _deferred:
        callbacks = tuple(_deferred)
        del _deferred[: len(callbacks)]
        _call(callbacks)


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
    """Take `callback` off its list; unknown ones are ignored."""
    for callbacks in (_ahead, _afterwards, _callbacks):
        if callback in callbacks:
            callbacks.remove(callback)


def _get_ready() -> None:
    forks.count += 1
    _call(_ahead)
    _waited.__enter__()


def _go_on() -> None:
    _waited.__exit__()
    _call(_afterwards)


def _begin_anew() -> None:
    global _loading  # noqa: PLW0603  # the parent's may be held by a thread that doesn't exist here
    _loading = threading.RLock()
    forks.count += 1
    _deferred.clear()
    _call(_callbacks)


def _call(callbacks: Sequence[Callable[[], None]]) -> None:
    for callback in tuple(callbacks):
        with quiet("fork"):
            callback()


if hasattr(os, "register_at_fork"):
    # At import of this module, which is at init(): before any segment exists, so that no fork goes unseen.
    os.register_at_fork(before=_get_ready, after_in_parent=_go_on, after_in_child=_begin_anew)
