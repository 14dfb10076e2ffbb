"""Which fault an exception goes on with: what was raised because of, or while handling, one that had its headline.

Four ways lead there. `raise B from A`. B raised in an `except` or `finally` of A, with or without a word about it,
where B leaves the very span that A would have gone on to: in a loop that lives in an `except` block, later faults are
faults of their own. A group whose every exception had a headline. And subprocess.CalledProcessError: the child had
the headline (`process.failed`), the exception only says so in Python.

Of children that failed only numbers and our own texts are kept.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clientobs.record.behind import behind, cause_of, is_a, members_of
from clientobs.record.outcomes import leaves_of
from clientobs.record.sightings import NO_SPAN, sightings

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fault_before", "forget_children", "note_failed_child"]

_MOST_LINKS: Final = 8
_MOST_CHILDREN: Final = 32


class _FailedChild(NamedTuple):
    code: int
    trace_id: int
    thread: int
    fault: str


_children: Final[deque[_FailedChild]] = deque(maxlen=_MOST_CHILDREN)


def note_failed_child(code: int, trace_id: int, fault: str) -> None:
    """Remember that a child's failure was told, for the exception that may say so next."""
    _children.append(_FailedChild(code, trace_id, threading.get_ident(), fault))


def forget_children() -> None:
    """Begin anew, in a forked child."""
    _children.clear()


def fault_before(error: BaseException, leaving: int | None, trace_id: int) -> str | None:
    """Return the fault that an exception goes on with, None where it is one of its own.

    leaving: the span that it leaves, as in sightings; trace_id: that of now, 0 for none.
    """
    for one, handled in _links(error):
        child = _fault_of_child(one, trace_id)
        if child is not None:
            return child
        mark = sightings.find(one) if one is not error else None
        if mark is not None and mark.headline and (not handled or mark.parent == _span_of(leaving)):
            return mark.fault
    return _fault_of_group(error)


def _links(error: BaseException) -> Iterator[tuple[BaseException, bool]]:
    """Yield the exception, and those behind it with whether one was only handled when the next was raised."""
    here: BaseException | None = error
    handled = False
    for _ in range(_MOST_LINKS):
        if here is None:
            return
        yield here, handled
        # sys.exit() in an `except` block is how a program says that it ends for what was handled there.
        handled = handled or (cause_of(here) is None and not is_a(here, SystemExit))
        here = behind(here)


def _span_of(leaving: int | None) -> int:
    return 0 if leaving is None or leaving == NO_SPAN else leaving


def _fault_of_child(error: BaseException, trace_id: int) -> str | None:
    subprocess: Any = sys.modules.get("subprocess")
    if subprocess is None or type(error) is not subprocess.CalledProcessError:
        return None
    thread = threading.get_ident()
    for child in reversed(_children.copy()):
        same = child.trace_id == trace_id if trace_id else child.thread == thread
        if same and child.code == error.returncode:  # type: ignore[attr-defined]  # it is a CalledProcessError
            try:
                _children.remove(child)  # each is said once; another thread may have been first
            except ValueError:
                continue
            return child.fault
    return None


def _fault_of_group(error: BaseException) -> str | None:
    if not members_of(error):
        return None
    marks = [sightings.find(leaf) for leaf in leaves_of(error)]
    faults = [mark.fault for mark in marks if mark is not None and mark.headline]
    return faults[0] if faults and len(faults) == len(marks) else None
