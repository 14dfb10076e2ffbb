"""Forks: what must begin anew in the child, and a count by which the journal notices one.

os.register_at_fork can't be undone, so the handlers are registered once for the life of the process, and the
callbacks hang on a list where they can be taken off again (a shut-down Runtime must not be kept alive).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from clientobs._guarded import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Forks", "forget", "forks", "in_child"]


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


def in_child(callback: Callable[[], None]) -> None:
    """Call `callback` in each forked child, after those registered before it."""
    _callbacks.append(callback)


def forget(callback: Callable[[], None]) -> None:
    """Take `callback` off the list; unknown ones are ignored."""
    if callback in _callbacks:
        _callbacks.remove(callback)


def _count() -> None:
    forks.count += 1


def _begin_anew() -> None:
    forks.count += 1
    for callback in tuple(_callbacks):
        with quiet("fork"):
            callback()


if hasattr(os, "register_at_fork"):
    # At import of this module, which is at init(): before any segment exists, so that no fork goes unseen.
    os.register_at_fork(before=_count, after_in_child=_begin_anew)
