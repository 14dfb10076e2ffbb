"""os.open, and os.read, os.write and os.close of descriptors on network storage.

os.open is counted as `open` is. Where it opens a file on network storage its descriptor is remembered, and only
from then on are os.read, os.write and os.close patched at all: a program without a NAS never pays for them. A file
object made of such a descriptor (os.fdopen, tempfile) takes it over, and is heard of as one that `open` made.

C code closes descriptors unseen, and the number may then be a pipe's, on which a read may take its time: what took
long is believed of a regular file only.
"""

from __future__ import annotations

import os
import stat
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.files.pathtext import asked_for, text_of
from clientobs.instruments.patching import in_place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.files.desk import Desk
    from clientobs.instruments.patching import Patches

__all__ = ["Descriptors"]

_MOST: Final = 4096


class Descriptors:
    """The descriptors on network storage by number, and the patches that follow them."""

    def __init__(self, desk: Desk, patches: Patches) -> None:
        self._desk = desk
        self._patches = patches
        self._paths: dict[int, str] = {}
        self._patched = False
        self._fstat = os.fstat
        desk.descriptors = self

    def wrap_open(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return os.open with counting around it."""
        desk, clock = self._desk, perf_counter_ns

        def open(_module: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: A001  # the name of the original
            began = clock()
            path = args[0] if args else kwargs.get("path", "")
            if kwargs.get("dir_fd") is not None:
                path = ""  # a name below an open folder says nothing of its mount
            try:
                descriptor = original(*args, **kwargs)
            except OSError as error:
                desk.failed("open", asked_for(path, error.filename), error, clock() - began)
                raise
            spent = clock() - began
            path = path if isinstance(path, (str, bytes)) else text_of(path)
            desk.done("os.open", path, spent)
            if desk.has_network and path and desk.switch.on and not desk.here.busy and desk.on_network(path):
                self._remember(descriptor, path)
            elif self._paths:
                self._paths.pop(descriptor, None)  # the number was closed by who is not seen
            return descriptor

        return open

    def _remember(self, descriptor: int, path: Any) -> None:
        try:
            if len(self._paths) < _MOST:
                self._paths[descriptor] = text_of(path)
            if not self._patched:
                self._patched = True
                self._follow()
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("files.descriptors", error)

    def take_over(self, descriptor: int, *, closes: bool) -> str:
        """Return the path of a descriptor that a file object is made of, "" for one that isn't ours.

        If the object `closes` it the number means nothing from then on: its close is not seen here.
        """
        if closes:
            return self._paths.pop(descriptor, "")
        return self._paths.get(descriptor, "")

    def _is_another(self, descriptor: int) -> bool:
        """Say whether a number has gone to a pipe or a socket, and forget it then."""
        try:
            if stat.S_ISREG(self._fstat(descriptor).st_mode):
                return False
        except OSError:  # closed meanwhile
            pass
        self._paths.pop(descriptor, None)
        return True

    def _follow(self) -> None:
        for name, wrap in (("read", self._timed), ("write", self._timed), ("close", self._closing)):
            original = getattr(os, name)
            self._patches.replace(os, name, original, in_place_of(wrap(original, name), original, "os"))

    def _timed(self, original: Callable[..., Any], operation: str) -> Callable[..., Any]:
        paths, desk, clock = self._paths, self._desk, perf_counter_ns

        def call(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
            if not args or type(args[0]) is not int or args[0] not in paths:
                return original(*args, **kwargs)
            path = paths[args[0]]
            began = clock()
            try:
                result = original(*args, **kwargs)
            except OSError as error:
                desk.failed(operation, path, error, clock() - began)
                raise
            spent = clock() - began
            if spent < desk.unremarkable or not self._is_another(args[0]):
                desk.moved(operation, path, spent, result if operation == "write" else len(result))
            return result

        return call

    def _closing(self, original: Callable[..., Any], operation: str) -> Callable[..., Any]:
        paths, desk, clock = self._paths, self._desk, perf_counter_ns

        def close(_module: Any, /, *args: Any, **kwargs: Any) -> Any:
            descriptor = args[0] if args else kwargs.get("fd")
            path = paths.pop(descriptor, None) if type(descriptor) is int else None
            if path is None:
                return original(*args, **kwargs)
            began = clock()
            try:
                result = original(*args, **kwargs)
            except OSError as error:
                desk.failed(operation, path, error, clock() - began)
                raise
            desk.done(operation, path, clock() - began)
            return result

        return close
