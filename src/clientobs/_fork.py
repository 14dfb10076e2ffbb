"""Forks: what must come to rest before one and begin anew in the child, and a count by which the journal notices.

os.register_at_fork can't be undone, so the handlers are registered once for the life of the process, and the
callbacks hang on a list where they can be taken off again (a shut-down Runtime must not be kept alive).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Forks", "around", "forget", "forks", "in_child", "later", "settle"]


class Forks:
    """Counts forks: before one in the parent, and again in the child.

    Whoever keeps the number that was valid when it last asked for its pid need not ask (0.2 us) until the
    number changes.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


forks: Final = Forks()
_before: list[Callable[[], None]] = []
_after: list[Callable[[], None]] = []
_callbacks: list[Callable[[], None]] = []
_deferred: list[Callable[[], None]] = []


def around(before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call `before` ahead of each fork, and `after` in the parent when it is done; both on the forking thread."""
    _before.append(before)
    _after.append(after)


def later(callback: Callable[[], None]) -> None:
    """Call `callback` at the first record after the fork, rather than within it."""
    _deferred.append(callback)


def settle() -> None:
    """Make the calls that wait for the first record; by whoever has noticed that the number has changed."""
    while _deferred:
        callbacks = tuple(_deferred)
        del _deferred[: len(callbacks)]
        _call(callbacks)


def in_child(callback: Callable[[], None]) -> None:
    """Call `callback` in each forked child, after those registered before it."""
    _callbacks.append(callback)


def forget(callback: Callable[[], None]) -> None:
    """Take `callback` off its list; unknown ones are ignored."""
    for callbacks in (_before, _after, _callbacks):
        if callback in callbacks:
            callbacks.remove(callback)


def _get_ready() -> None:
    forks.count += 1
    _call(_before)


def _go_on() -> None:
    _call(_after)


def _begin_anew() -> None:
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
