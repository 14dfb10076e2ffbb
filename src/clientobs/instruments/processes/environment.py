"""The environment that a child gets: the one it would have got, and TRACEPARENT, TRACESTATE and BAGGAGE in it.

To inherit means the environment of the C library, where MEL's putenv and Houdini put variables that os.environ
never hears of. So a child without an environment of its own gets what `environ` of C says at that moment, entry by
entry, with ours added: nothing is ever put into the process's own environment, where other threads, and children of
theirs, would see it. Where C's `environ` can't be read the child inherits as before, and gets no context.

An empty environment stays empty. A TRACEPARENT of the caller's own (any but the one that this process itself was
started with) stays as well. A program that is to get no context gets the one of this process's own start neither: there
`variables` is None, and what is equal to the three of the start is left out.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from clientobs._libc import libc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Inherited", "native_environment"]

_PARENT: Final = "TRACEPARENT"
_NAMES: Final = (_PARENT, "TRACESTATE", "BAGGAGE")
_BEGINNINGS: Final = frozenset({b"TRACEPAR", b"TRACESTA", b"BAGGAGE="})
_MOST: Final = 100_000


def native_environment() -> Callable[[], list[bytes]] | None:
    """Return a function that reads the environment of the C library, None where there is none to read."""
    found = libc()
    if found is None:
        return None
    import ctypes  # noqa: PLC0415  # loaded with the library

    kind = ctypes.POINTER(ctypes.c_char_p)
    try:
        if sys.platform == "darwin":  # a library sees the program's variable through this function alone
            address = found.library._NSGetEnviron  # noqa: SLF001  # its name
            address.restype = ctypes.POINTER(kind)
            pointer: Any = address().contents
        else:
            pointer = kind.in_dll(found.library, "environ")  # the variable itself, which setenv() moves
    except (AttributeError, ValueError):
        return None

    def read() -> list[bytes]:
        entries: list[bytes] = []
        if pointer:  # clearenv() leaves none
            for number in range(_MOST):
                entry = pointer[number]
                if entry is None:
                    break
                entries.append(entry)
        return entries

    return read


class Inherited:
    """Adds variables to the environment of a child, in each of the forms that a launch takes it in."""

    __slots__ = ("_read", "_start")

    def __init__(self, start: Mapping[str, str]) -> None:
        self._read = native_environment()
        self._start = {name: start[name] for name in _NAMES if name in start}
        """What this process itself was started with: no word of the caller's."""

    @property
    def parent_at_start(self) -> str:
        """The TRACEPARENT that this process itself was started with; "" for none."""
        return self._start.get(_PARENT, "")

    def entries(self, given: list[bytes] | None, variables: Mapping[str, str] | None) -> list[bytes] | None:
        """Return `given`, the b"NAME=value" entries for execve (None: inherit), with the variables in it.

        `variables` None: without those of this process's start.

        >>> Inherited({}).entries([b"A=1"], {"TRACEPARENT": "00-..."})
        [b'A=1', b'TRACEPARENT=00-...']
        """
        if variables is None:
            return self._bared(given)
        if given is None:
            given = self._read() if self._read is not None else None
        elif not given:
            return given
        if given is None or not variables:
            return given
        own = _ours_in(given)
        if not own:  # as nearly always
            return [*given, *[f"{name}={value}".encode() for name, value in variables.items()]]
        added = self._added(own, variables)
        out = self._left_out(own, added)
        kept = [entry for entry in given if entry.partition(b"=")[0] not in out]
        return [*kept, *[f"{name}={value}".encode() for name, value in added.items()]]

    def _bared(self, given: list[bytes] | None) -> list[bytes] | None:
        entries = given
        if self._start and entries is None and self._read is not None:
            entries = self._read()
        out = {os.fsencode(f"{name}={value}") for name, value in self._start.items()}
        kept = [entry for entry in entries or () if entry not in out]
        return given if entries is None or len(kept) == len(entries) else kept

    def changes(self, variables: Mapping[str, str] | None) -> tuple[dict[str, str], list[str]]:
        """Return what is to be put into an inherited environment, and what is to be taken out of it."""
        own = _ours_in(self._read() if self._read is not None else [])
        if variables is None:
            return {}, [name for name, value in own.items() if self._start.get(name) == value]
        added = self._added(own, variables)
        return added, [name.decode() for name in self._left_out(own, added) if name.decode() not in added]

    def mapping(self, given: Any, variables: Mapping[str, str] | None) -> Any:
        """Return a copy of the mapping `given` with the variables in it; `given` itself where nothing is to be done."""
        nothing = not (self._start if variables is None else variables)
        if nothing or not hasattr(given, "keys") or len(given) == 0:
            return given  # what is no mapping the launch itself refuses
        data = getattr(given, "_data", None) if type(given) is type(os.environ) else None
        if os.name == "posix" and type(data) is dict:
            merged: dict[Any, Any] = dict(data)  # os.environ's own bytes: its methods decode each of them
        else:
            merged = dict(zip(given.keys(), given.values(), strict=True))
        own = {name: _text(merged[key]) for name in _NAMES for key in _forms(name) if key in merged}
        if variables is None:
            added, out = {}, {name.encode() for name, value in own.items() if self._start.get(name) == value}
            if not out:
                return given
        else:
            added = self._added(own, variables)
            out = self._left_out(own, added)
        for left_out in out:
            for key in _forms(left_out.decode()):
                merged.pop(key, None)
        as_bytes = any(isinstance(key, bytes) for key in merged)
        for name, value in added.items():
            merged[name.encode() if as_bytes else name] = value.encode() if as_bytes else value
        return merged

    def _added(self, own: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
        start = self._start
        if _PARENT in own and own[_PARENT] != start.get(_PARENT):
            return {}
        return {
            name: value
            for name, value in variables.items()
            if name == _PARENT or name not in own or own[name] == start.get(name)
        }

    @staticmethod
    def _left_out(own: Mapping[str, str], added: Mapping[str, str]) -> set[bytes]:
        out = {name.encode() for name in added}
        if _PARENT in added and "TRACESTATE" in own:
            out.add(b"TRACESTATE")  # it belongs to the TRACEPARENT that it came with
        return out


def _ours_in(entries: list[bytes]) -> dict[str, str]:
    own: dict[str, str] = {}
    found = [entry for entry in entries if entry[:8] in _BEGINNINGS]
    for entry in found:
        name, _, value = entry.decode("utf-8", "surrogateescape").partition("=")
        if name in _NAMES:
            own[name] = value
    return own


def _forms(name: str) -> tuple[str | bytes, ...]:
    return name, name.encode()


def _text(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
