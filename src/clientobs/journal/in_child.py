"""A forked child's own run: what its Runtime gives it, and how it ends where multiprocessing is the parent.

A multiprocessing child leaves by os._exit and runs no atexit: its finalizers are the way to a clean close, and they
are emptied after the fork. So the close is asked for in two steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from clientobs._dataclass import dataclass

if TYPE_CHECKING:
    from clientobs.journal.writer import Journal

__all__ = ["InChild", "end_with_multiprocessing"]

_LAST: Final = -1000  # finalizers with a priority below 0 run after the workers of a worker have ended


@dataclass(slots=True)
class InChild:
    """What else a forked child needs, from whoever composes the parts; each is called at most once there.

    describe    returns the resource attributes of the child's run, from its id and its parent's attributes
    begin       the child has begun to record
    end         the child is about to end; it is told how

    `asked` is what multiprocessing was given to call, until it has called.
    """

    describe: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] = lambda _run, resource: resource
    begin: Callable[[], object] = lambda: None
    end: Callable[[str], object] = lambda _how: None
    asked: object = None


def end_with_multiprocessing(journal: Journal) -> None:
    """Let a multiprocessing child write its clean close: it leaves by os._exit and runs no atexit.

    Its finalizers are the way, and they are emptied after the fork: so this is asked for in two steps.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Held by nobody but us, and let go when called: the registry is as long as it was, for its children too.
        journal.in_child.asked = asked = _Asked(journal)
        util.register_after_fork(asked, _finalize_in_worker)


class _Asked:
    """Stands for a journal in multiprocessing's registry, which holds its entries weakly."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal


def _finalize_in_worker(asked: _Asked) -> None:
    util = sys.modules["multiprocessing.util"]
    asked.journal.in_child.asked = None
    util.Finalize(None, _end_in_worker, args=(asked.journal,), exitpriority=_LAST)


def _end_in_worker(journal: Journal) -> None:
    journal.in_child.end("multiprocessing")
    journal.close("exited", "multiprocessing")
