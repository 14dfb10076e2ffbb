"""os.open, and os.read, os.write and os.close of descriptors on network storage.

os.open is counted as `open` is. Where it opens a file on network storage its descriptor is remembered, and only
from then on are os.read, os.write and os.close patched at all: a program without a NAS never pays for them. On local
storage the last few that were opened to be written are remembered. A file object made of either (os.fdopen, tempfile)
is heard of as one that `open` made.

C code closes descriptors unseen, and a number may then be a pipe's. So one on network storage is compared with the
file that was opened, at its first use and whenever it took long; one on local storage with what has the name now.
"""

from __future__ import annotations

import os
import stat
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from clientobs import _unwatched
from clientobs._guarded import faults
from clientobs.instruments.files.pathtext import asked_for, text_of
from clientobs.instruments.files.telling import FAILING, PROBING
from clientobs.instruments.patching import in_place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.desk import Desk
    from clientobs.instruments.patching import Patches

__all__ = ["Descriptors"]

_MOST: Final = 4096
_MOST_LOCAL: Final = 256
_TO_WRITE: Final = os.O_WRONLY | os.O_RDWR
_EMPTIES: Final = os.O_TRUNC | os.O_EXCL


class _Held:
    """A descriptor on network storage, with what it was opened for."""

    __slots__ = ("broken", "checked", "created", "doubled", "identity", "moved", "path")

    def __init__(self, path: str, identity: tuple[int, int], flags: int) -> None:
        self.path = path
        self.identity = identity
        # O_CREAT with O_RDWR alone is how lock files are opened, which stay empty.
        makes = flags & os.O_CREAT and flags & _TO_WRITE == os.O_WRONLY
        self.created = bool(flags & _TO_WRITE and (flags & _EMPTIES or makes))
        self.checked = False
        self.doubled = False
        """Whether there is another number for it, by which it may go on being written."""
        self.broken = False
        self.moved = 0


class Descriptors:
    """The descriptors that are remembered, by number, and the patches that follow those on network storage."""

    def __init__(self, desk: Desk, patches: Patches) -> None:
        self._desk = desk
        self._patches = patches
        self._held: dict[int, _Held] = {}
        self._local: dict[int, str] = {}
        self._patched = False
        self._fstat = os.fstat
        desk.descriptors = self

    def wrap_open(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return os.open with counting around it."""
        desk, clock, failing = self._desk, perf_counter_ns, FAILING

        def open(_module: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: A001  # the name of the original
            began = clock()
            path = args[0] if args else kwargs.get("path", "")
            if kwargs.get("dir_fd") is not None:
                path = ""  # a name below an open folder says nothing of its mount
            try:
                descriptor = original(*args, **kwargs)
            except failing as error:
                if desk.switch.on:
                    known = getattr(error, "filename", None)
                    desk.failed("open", asked_for(path, known), error, clock() - began)
                raise
            spent = clock() - began
            if not desk.switch.on:
                return descriptor
            path = path if isinstance(path, (str, bytes)) else text_of(path)
            desk.done("os.open", path, spent)
            if not desk.here.busy:
                flags = args[1] if len(args) > 1 else kwargs.get("flags", 0)
                self._remember(descriptor, path, flags)
            return descriptor

        return open

    def _remember(self, descriptor: int, path: Any, flags: int) -> None:
        self._held.pop(descriptor, None)  # the number was closed by who is not seen
        if not path:
            return
        try:
            if self._desk.on_network(path):
                self._hold(descriptor, text_of(path), flags)
            elif flags & _TO_WRITE:
                local = self._local
                local.pop(descriptor, None)
                local[descriptor] = text_of(path)
                if len(local) > _MOST_LOCAL:
                    local.pop(next(iter(local)))
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.descriptors", error)

    def _hold(self, descriptor: int, path: str, flags: int) -> None:
        found = self._fstat(descriptor)  # an open has just brought it: no server is asked
        if stat.S_ISREG(found.st_mode):
            self._desk.account_of(path)[1].of_descriptors += 1
        if len(self._held) < _MOST:
            self._held[descriptor] = _Held(path, (found.st_dev, found.st_ino), flags)
        if not self._patched:
            self._patched = True
            self._follow()

    def knows(self, descriptor: int) -> bool:
        """Say whether a number was remembered, whatever it has become since."""
        return descriptor in self._held or descriptor in self._local

    def take_over(self, descriptor: int, *, closes: bool) -> str:
        """Return the path of a descriptor that a file object is made of, "" for one that isn't ours.

        If the object `closes` it the number means nothing from then on: its close is not seen here.
        """
        held = self._held.pop(descriptor, None) if closes else self._held.get(descriptor)
        if held is not None:
            return "" if self._is_another(descriptor, held) else held.path
        path = self._local.pop(descriptor, "")
        if not path:
            return ""
        try:
            named, found = _unwatched.stat(path), self._fstat(descriptor)
        except (OSError, ValueError):  # without a name by now
            return ""
        return path if os.path.samestat(named, found) and stat.S_ISREG(found.st_mode) else ""

    def size_of_written(self, path: str, moved_to: str) -> int | None:
        """Return the size of a local file that was opened by number, and has just been renamed; else None."""
        if path not in self._local.values():
            return None
        try:
            found = _unwatched.stat(moved_to)
        except (OSError, ValueError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def _is_another(self, descriptor: int, held: _Held) -> bool:
        """Say whether a number has gone to another file, a pipe or a socket, and forget it then."""
        held.checked = True
        try:
            found = self._fstat(descriptor)
            if (found.st_dev, found.st_ino) == held.identity:
                return False
        except OSError:  # closed meanwhile
            pass
        self._held.pop(descriptor, None)
        return True

    def _follow(self) -> None:
        for name, wrap in (
            *(("read", self._timed), ("write", self._timed), ("close", self._closing)),
            *(("dup", self._doubling), ("dup2", self._doubling)),
        ):
            original = getattr(os, name)
            self._patches.replace(os, name, original, in_place_of(wrap(original, name), original, "os"))

    def _timed(self, original: Callable[..., Any], operation: str) -> Callable[..., Any]:
        known, desk, clock = self._held, self._desk, perf_counter_ns

        def call(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
            if not args or type(args[0]) is not int or args[0] not in known:
                return original(*args, **kwargs)
            held = known.get(args[0])
            if held is None or not (held.checked or not self._is_another(args[0], held)):
                return original(*args, **kwargs)
            began = clock()
            try:
                result = original(*args, **kwargs)
            except OSError as error:
                held.broken = held.broken or (operation == "write" and error.errno not in PROBING)
                desk.failed(operation, held.path, error, clock() - began)
                raise
            spent = clock() - began
            if spent < desk.unremarkable or not self._is_another(args[0], held):
                size = result if operation == "write" else len(result)
                if operation == "write":
                    held.moved += size
                desk.moved(operation, held.path, spent, size)
            return result

        return call

    def _closing(self, original: Callable[..., Any], operation: str) -> Callable[..., Any]:
        known, desk, clock = self._held, self._desk, perf_counter_ns

        def close(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
            descriptor = args[0] if args else kwargs.get("fd")
            if type(descriptor) is not int or descriptor not in known:
                return original(*args, **kwargs)
            held = known.pop(descriptor, None)
            if held is None:  # by another thread, this very moment
                return original(*args, **kwargs)
            size = self._size(descriptor, held)
            began = clock()
            try:
                result = original(*args, **kwargs)
            except OSError as error:
                desk.failed(operation, held.path, error, clock() - began)
                raise
            desk.done(operation, held.path, clock() - began)
            if size is not None:
                desk.descriptor_closed(held.path, size, created=held.created, whole=not held.broken)
            return result

        return close

    def _doubling(self, original: Callable[..., Any], _operation: str) -> Callable[..., Any]:
        known = self._held

        def double(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
            descriptor = args[0] if args else kwargs.get("fd")
            held = known.get(descriptor) if type(descriptor) is int else None
            if held is not None:
                held.doubled = True
            return original(*args, **kwargs)

        return double

    def _size(self, descriptor: int, held: _Held) -> int | None:
        """Return the size of a file that was written, about to be closed; None for any other descriptor."""
        if held.doubled or not (held.created or held.moved or held.broken) or not self._desk.switch.on:
            return None
        try:
            found = self._fstat(descriptor)
        except OSError:
            return None
        is_same = (found.st_dev, found.st_ino) == held.identity and stat.S_ISREG(found.st_mode)
        return found.st_size if is_same else None
