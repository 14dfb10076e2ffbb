"""Paths in what an exception says: as private as the policy of `files.paths` wants them.

`[Errno 2] No such file or directory: '/show/sq010/hero.ma'` has the path that the attributes leave out. The names
that the system was asked for stand in the exception beside its text, so they are known and not guessed; those of the
causes too, which the exceptions around them repeat. A path that nobody but the text knows stays.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from clientobs.record import recorder as _recorder
from clientobs.record.behind import behind, is_a

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["hide_paths"]

_MOST_LINKS: Final = 8
_SHORTEST: Final = 4
"""Characters: a shorter name is taken out where it stands in quotation marks only."""


def hide_paths(text: str, error: BaseException) -> str:
    """Return a text of an exception with the paths in it as the policy has them."""
    recording = _recorder.active()
    if recording is None or recording.hide_path is None or not text:
        return text
    shown = dict(_forms(error, recording.hide_path))
    if not shown:
        return text
    longest_first = sorted(shown, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: shown[found[0]], text)


def _forms(error: BaseException, hide: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield each way in which a path of the chain may be written, and what is to stand there."""
    for name in _names(error):
        path = os.fsdecode(name)
        if path:
            hidden = hide(path)
            yield repr(name), repr(hidden)
            yield repr(path), repr(hidden)
            if len(path) >= _SHORTEST:
                yield path, hidden


def _names(error: BaseException) -> Iterator[Any]:
    current: BaseException | None = error
    for _ in range(_MOST_LINKS):
        if current is None:
            return
        if is_a(current, OSError):
            names = (current.filename, current.filename2)
            yield from (name for name in names if isinstance(name, (str, bytes, os.PathLike)))
        current = behind(current)
