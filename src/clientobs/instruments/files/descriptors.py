"""os.open, and os.read, os.write and os.close of descriptors on network storage.

os.open is counted as `open` is. Where it opens a file on network storage its descriptor is remembered, and only
from then on are os.read, os.write and os.close patched at all: a program without a NAS never pays for them.
"""

from __future__ import annotations

import os
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from clientobs._guarded import faults
from clientobs.instruments.files.pathtext import text_of
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
                desk.failed("open", path, error, clock() - began)
                raise
            spent = clock() - began
            desk.done("os.open", path, spent)
            if desk.has_network and path and desk.switch.on and not desk.here.busy and desk.on_network(path):
                self._remember(descriptor, path)
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
            desk.moved(operation, path, clock() - began, result if operation == "write" else len(result))
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
