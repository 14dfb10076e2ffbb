"""linecache is left alone: what a traceback reads to show source lines is nothing that the program did.

Its looks (a stat for each file in the cache, whenever a traceback is formatted) come through the patched `os` like
any. While one of its two functions runs, the thread counts into a part that nobody reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.instruments.files.accounts import Part
from clientobs.instruments.files.books import Book

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.desk import Desk

__all__ = ["LOOKS", "wrap_apart"]

LOOKS: Final = ("checkcache", "updatecache")


def wrap_apart(original: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    """Return a function whose file operations count for nobody."""
    here, get_current = desk.here, desk.get_current

    def apart(*args: Any, **kwargs: Any) -> Any:
        kept = here.part
        # No budget: it has no spans of its own either.
        here.part = Part(Book(0, 0, "", [0]), get_current())
        try:
            return original(*args, **kwargs)
        finally:
            here.part = kept

    return apart
