"""Spans of single operations: slow ones, failed ones, and long ones on the main thread of an application.

Each is written when the operation is over, with its own times, within the budget of its trace.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clientobs import semconv
from clientobs._unwatched import access, statvfs
from clientobs.instruments.files.pathtext import text_of
from clientobs.instruments.interface import has_interface
from clientobs.record.undecodable import undecodable_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.config.model import FilesConfig
    from clientobs.instruments.files.books import Book, Failure
    from clientobs.instruments.files.pathtext import PathText
    from clientobs.instruments.files.places import Place

__all__ = ["FAILING", "FULL", "PROBING", "Failing", "Teller", "code_of"]

Failing: TypeAlias = OSError | UnicodeError
FAILING: Final = (OSError, UnicodeError)
"""How file operations fail; a UnicodeError is a path that the file system's encoding has no form for."""

PROBING: Final = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOENT", "ENOTDIR", "EEXIST", "ENOTEMPTY", "EISDIR", "EINVAL", "EBADF", "ENOTSUP", "EOPNOTSUPP"),
        *("EAGAIN", "EINTR", "EPIPE", "ESPIPE", "ENXIO", "ENOTTY", "ENOSYS", "ENODATA", "EXDEV"),
        *("ENAMETOOLONG", "ELOOP"),
    )
    if hasattr(errno, name)
)
"""How programs find out what is there: counted, and told only where it ends the program's own span."""

FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_REFUSED: Final = {errno.EACCES, errno.EPERM, errno.EROFS}
_SURELY_ANSWERS: Final = 1_000_000_000
"""Nanoseconds: who took longer to refuse is not asked again."""
_OF_FOLDER: Final = frozenset(
    {
        *(
            "stat",
            "lstat",
            "access",
            "mkdir",
            "rmdir",
            "remove",
            "unlink",
            "rename",
            "replace",
            "link",
            "symlink",
        ),
    }
)
"""What the folder refuses that a name is in, whatever the mode of what has the name."""


def code_of(error: Failing) -> str:
    """Return the name of an error number: "ENOENT"; the class's name where there is no number."""
    number = getattr(error, "errno", None)
    return errno.errorcode.get(number, f"errno {number}") if number is not None else type(error).__name__


class Teller:
    """Writes the spans of single operations."""

    def __init__(
        self,
        settings: FilesConfig,
        text: PathText,
        tracer: Callable[[], Any],
        originals: dict[str, Callable[..., Any]],
    ) -> None:
        self._settings = settings
        self._text = text
        self._tracer = tracer
        self._stat = originals["stat"]
        self._main = threading.main_thread().ident
        shortest = min(settings.slow_network, settings.slow_local, settings.slow_main_thread)
        self.shortest = int(shortest * 1e9)
        """Nanoseconds: what took less has no span of its own on any storage or thread."""

    def is_slow(self, place: Place, spent: int) -> bool:
        """Say whether an operation of that many nanoseconds deserves a span of its own."""
        settings = self._settings
        seconds = spent / 1e9
        if seconds >= (settings.slow_network if place.network else settings.slow_local):
            return True
        on_main = seconds >= settings.slow_main_thread and threading.get_ident() == self._main
        return on_main and has_interface()

    def slow(self, book: Book, place: Place, operation: str, path: Any, spent: int, **more: Any) -> None:
        """Write the span of a slow operation."""
        if self._within_budget(book):
            self._write(operation, {**self._facts(place, operation, path), **more}, spent, None)

    def failed(
        self, book: Book, place: Place, failure: Failure, error: Failing, spent: int, **more: Any
    ) -> None:
        """Write the span of a failure; its equals only count from here on."""
        if failure.told:
            return
        if not self._within_budget(book):
            failure.refused = True
            return
        failure.told, failure.told_count = True, failure.count
        facts = self._facts(place, failure.operation, failure.path)
        facts[semconv.ERROR_TYPE] = failure.kind = type(error).__qualname__
        facts[semconv.ERROR_CODE] = failure.code
        facts[semconv.FILE_FAILURE_COUNT] = failure.count
        second = getattr(error, "filename2", None)
        if second and text_of(second) != text_of(failure.path):
            facts[semconv.FILE_TARGET] = self._text.full(second)
        number = getattr(error, "errno", None)
        if number in FULL:
            facts.update(self._room(place, failure.path))
        elif number in _REFUSED and spent < _SURELY_ANSWERS:
            facts.update(self._owner(*_refusing(failure.operation, failure.path, second)))
        elif number == errno.EEXIST and spent < _SURELY_ANSWERS:
            facts.update(self._holder(failure.path))
        if isinstance(error, UnicodeError):
            facts |= undecodable_facts(error)
        failure.words = str(getattr(error, "strerror", None) or error)
        self._write(failure.operation, {**facts, **more}, spent, f"{failure.code}: {failure.words}")

    def again(self, place: Place, failure: Failure, count: int) -> None:
        """Write a span that stands for so many failures since one like them was told."""
        facts = self._facts(place, failure.operation, failure.path)
        facts |= {
            semconv.ERROR_TYPE: failure.kind,
            semconv.ERROR_CODE: failure.code,
            semconv.FILE_FAILURE_COUNT: count,
        }
        self._write(failure.operation, facts, 0, f"{failure.code}: {failure.words}")

    def _within_budget(self, book: Book) -> bool:
        if book.budget[0] > 0:
            book.budget[0] -= 1
            return True
        book.wanted += 1
        return False

    def _facts(self, place: Place, operation: str, path: Any) -> dict[str, Any]:
        facts = {semconv.FILE_OPERATION: operation, **self._text.attributes(path)}
        if place.point:
            facts[semconv.STORAGE_MOUNT] = place.point
        facts[semconv.STORAGE_KIND] = place.kind
        return facts

    def _room(self, place: Place, path: Any) -> dict[str, Any]:
        """Return size and free space of a full storage; it has just answered, so it may be asked."""
        if statvfs is None:
            return {}
        try:
            room = statvfs(place.point or os.path.dirname(path) or ".")
        except (OSError, ValueError):
            return {}
        return {
            semconv.STORAGE_SIZE: room.f_blocks * room.f_frsize,
            semconv.STORAGE_FREE: room.f_bavail * room.f_frsize,
        }

    def _owner(self, refused: Any, tries: int) -> dict[str, Any]:
        """Return who owns what refused access, and who was refused: the file, or the folder that it is in."""
        if not refused or not hasattr(os, "geteuid"):
            return {}
        for _ in range(tries):
            try:
                found = self._stat(refused)
            except (OSError, ValueError):
                refused = os.path.dirname(refused)
                continue
            return {
                semconv.FILE_REFUSED_AT: self._text.full(refused),
                semconv.FILE_OWNER: found.st_uid,
                semconv.FILE_GROUP: found.st_gid,
                semconv.FILE_MODE: f"{found.st_mode & 0o7777:04o}",
                semconv.FILE_REFUSED_USER: os.geteuid(),
            }
        return {semconv.FILE_REFUSED_USER: os.geteuid()}

    def _holder(self, path: Any) -> dict[str, Any]:
        """Return whose a file is that is in the way, and since when: a lock that somebody else has, as a rule."""
        try:
            found = self._stat(path)
        except (OSError, ValueError):
            return {}
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(found.st_mtime))
        return {
            semconv.FILE_OWNER: found.st_uid,
            semconv.FILE_MODIFIED: since,
            semconv.FILE_SIZE: found.st_size,
        }

    def _write(self, operation: str, facts: dict[str, Any], spent: int, problem: str | None) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415  # loaded with the instrument

        end = time.time_ns()
        span = self._tracer().start_span(f"file {operation}", start_time=end - spent, attributes=facts)
        if problem is not None:
            span.set_status(StatusCode.ERROR, problem)
        span.end(end)


def _refusing(operation: str, path: Any, second: Any) -> tuple[Any, int]:
    """Return what may have refused access to a path, and how often its parent is to be tried in its stead.

    Of a rename it is the first of the two folders that this user may not write to.
    """
    if not path:
        return "", 0
    refused = os.path.abspath(path)
    if operation not in _OF_FOLDER:
        return refused, 2
    folders = [os.path.dirname(refused)]
    if second:
        folders.append(os.path.dirname(os.path.abspath(second)))
    closed = [folder for folder in folders if not access(folder, os.W_OK)]
    return (closed or folders)[0], 1
