"""Numbers for contents that many records share: the production context, the instrumentation scope.

A number stands for one frozen content for the life of the process; the writer puts its CONTEXT record into
each segment before the first record that refers to it. No lock: dict operations are atomic under the GIL,
and two threads that register the same content at once get the same number from `setdefault`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

from clientobs.journal.format import encode_payload

__all__ = ["ContextTable"]

_MAX_CONTEXTS: Final = 4096
_EVICTED_AT_ONCE: Final = 512


class ContextTable:
    """Content to number, number to the payload of its CONTEXT record.

    >>> table = ContextTable(pinned=set)
    >>> table.number("production", {"production.shot": "sh010"})
    1
    >>> table.number("production", {"production.shot": "sh010"})
    1
    """

    __slots__ = ("_fading", "_keys", "_next", "_numbers", "_payloads", "_pinned", "on_eviction")

    def __init__(self, pinned: Callable[[], set[int]]) -> None:
        self._numbers: dict[bytes, int] = {}
        self._keys: dict[int, bytes] = {}
        self._payloads: dict[int, bytes] = {}
        self._fading: dict[int, bytes] = {}
        """What was forgotten last: another thread may have asked for its number, and be about to append."""
        self._next = itertools.count(1)
        self._pinned = pinned
        self.on_eviction: Callable[[], object] | None = None
        """Called after numbers were forgotten: whoever has kept some asks for them anew."""

    def number(self, type: str, values: Mapping[str, Any]) -> int:  # noqa: A002  # the record's own word
        """Return the number of this content, a new one if it is new."""
        values = dict(values)
        key = encode_payload((type, values))
        number = self._numbers.get(key)
        if number is not None:
            return number
        if len(self._numbers) >= _MAX_CONTEXTS:
            self._evict()
        candidate = next(self._next)
        self._payloads[candidate] = encode_payload((candidate, type, values))
        self._keys[candidate] = key
        number = self._numbers.setdefault(key, candidate)
        if number != candidate:
            self._forget(candidate)
        return number

    def payload(self, number: int) -> bytes | None:
        """Return the payload of a CONTEXT record, None where the number is unknown or was evicted long ago."""
        return self._payloads.get(number) or self._fading.get(number)

    def _evict(self) -> None:
        """Forget the oldest contents, but none that an open span or an open segment refers to."""
        pinned = self._pinned()
        old = [number for number in list(self._payloads) if number not in pinned][:_EVICTED_AT_ONCE]
        self._fading = {number: self._payloads[number] for number in old if number in self._payloads}
        for number in old:
            key = self._keys.get(number)
            if key is not None:
                self._numbers.pop(key, None)
            self._forget(number)
        if self.on_eviction is not None:
            self.on_eviction()

    def _forget(self, number: int) -> None:
        self._payloads.pop(number, None)
        self._keys.pop(number, None)
