"""Lists, dicts, bytes and foreign objects inside a set of attributes: made plain, clean and bounded.

A container may hold itself, be changed by another thread meanwhile, or be a class of the host whose iterator
raises. Depth, number of elements and characters are bounded for a whole set at once (`Bounds`), which also ends
every cycle; what is cut off is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import ItemsView, Iterable, KeysView, Mapping, Sequence, ValuesView
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from clientobs.privacy.commands import scrub_arguments
from clientobs.privacy.keys import MARKER, KeyRules
from clientobs.privacy.plain import as_text, bounded_items, length_of, plain_scalar

if TYPE_CHECKING:
    from clientobs._loss import LossLedger
    from clientobs.privacy.tables import KeyTable, TextTable
    from clientobs.privacy.texts import TextRules

__all__ = ["Bounds", "Containers"]

_DEPTH: Final = 8
_NODES: Final = 2_000
_CHARACTERS: Final = 131_072
_FLOOR: Final = 64
_MARGIN: Final = 2_048
_PAIR: Final = 2
_CUT: Final = "..."
_SEQUENCES: Final = (list, tuple, set, frozenset, deque, KeysView, ValuesView, ItemsView)


class Bounds:
    """What may still be kept of one set's containers: elements, and characters of their texts."""

    __slots__ = ("characters", "nodes")

    def __init__(self, characters: int = _CHARACTERS) -> None:
        self.nodes = _NODES
        self.characters = characters


class Containers:
    """Makes values plain that are no short texts; the tables are the redactor's own."""

    __slots__ = ("_keys", "_limit", "_loss", "_ordinary", "_rules", "_secrets", "_sentences", "_texts")

    def __init__(
        self,
        *,
        keys: KeyTable,
        ordinary: TextTable,
        sentences: TextTable,
        secrets: TextTable,
        rules: KeyRules,
        texts: TextRules,
        limit: int,
        loss: LossLedger,
    ) -> None:
        self._keys = keys
        self._ordinary = ordinary
        self._sentences = sentences
        self._secrets = secrets
        self._rules = rules
        self._texts = texts
        self._limit = limit
        self._loss = loss

    def under(self, table: TextTable, value: object, bounds: Bounds, depth: int = 0) -> Any:
        """Return a value made plain: by the table of its key, or by its own type where the key is ordinary."""
        if table is self._ordinary:
            return self.plain(value, bounds, depth)
        if table is self._sentences:
            return self._listed(value, bounds, depth)
        if value is None or type(value) is bool:
            return value
        return MARKER if table is self._secrets else table[as_text(value)]

    def plain(self, value: object, bounds: Bounds, depth: int = 0) -> Any:
        """Return a value as str, bool, int, float, bytes, None, or a list or dict of these."""
        bounds.nodes -= 1
        if bounds.nodes < 0 or depth > _DEPTH:
            self._loss.add("nesting")
            return _CUT
        try:
            if isinstance(value, (bytes, bytearray, memoryview)):
                return self._bytes(value, bounds)
            if isinstance(value, Mapping):
                return self._mapping(value, bounds, depth)
            if isinstance(value, _SEQUENCES):
                return self._sequence(value, bounds, depth)
            scalar = plain_scalar(value)
        except Exception:  # noqa: BLE001  # foreign code: a __class__ or an __iter__ that raises
            scalar = as_text(value)
        return self._text(scalar, bounds) if type(scalar) is str else scalar

    def arguments(self, words: Sequence[str]) -> list[str]:
        """Return texts that may be a command line, or a name and its value, without their secrets."""
        if len(words) == _PAIR and self._rules.is_secret(words[0]) and not words[0].startswith("-"):
            return [self._ordinary[words[0]], MARKER]
        return scrub_arguments(words, self._rules, self._ordinary.__getitem__)

    def elements(self, value: Iterable[Any], most: int) -> list[Any]:
        """Return at most `most` elements; what iterates badly yields what it yielded so far."""
        items: list[Any] = []
        try:
            items.extend(islice(value, most))
        except Exception:  # noqa: BLE001  # foreign code: what it yielded so far is kept
            self._loss.add("nesting")
            return items
        self._loss_beyond(value, len(items))
        return items

    def _text(self, text: str, bounds: Bounds) -> str:
        if bounds.characters < _FLOOR:
            self._loss.add("text")
            return _CUT
        clean = self._ordinary[text]
        if len(clean) > bounds.characters:
            self._loss.add("text")
            clean = clean[: bounds.characters]
        bounds.characters -= len(clean)
        return clean

    def _mapping(self, value: Mapping[Any, Any], bounds: Bounds, depth: int) -> dict[str, Any]:
        items = bounded_items(value, max(0, bounds.nodes))
        self._loss_beyond(value, len(items))
        clean: dict[str, Any] = {}
        for key, inner in items:
            name, table = self._keys.of(key)
            clean[name] = self.under(table, inner, bounds, depth + 1)
        if "value" in clean and (self._names_secret(clean, "name") or self._names_secret(clean, "key")):
            clean["value"] = MARKER
        return clean

    def _sequence(self, value: Iterable[Any], bounds: Bounds, depth: int) -> list[Any]:
        items = self.elements(value, max(0, bounds.nodes))
        if all(type(item) is str for item in items):
            bounds.nodes -= len(items)
            return [self._text(word, bounds) for word in self.arguments(items)]
        if len(items) == _PAIR and type(items[0]) is str and self._rules.is_secret(items[0]):
            return [items[0], self.under(self._secrets, items[1], bounds)]
        return [self.plain(item, bounds, depth + 1) for item in items]

    def _listed(self, value: object, bounds: Bounds, depth: int) -> Any:
        """Return a list of sentences, each cleaned as a text: no argument is behind a flag."""
        if not isinstance(value, (list, tuple)):
            return self.plain(value, bounds, depth)
        items = self.elements(value, max(0, bounds.nodes))
        bounds.nodes -= len(items)
        return [
            self._text(each, bounds) if type(each) is str else self.plain(each, bounds, depth + 1)
            for each in items
        ]

    def _bytes(self, value: bytes | bytearray | memoryview, bounds: Bounds) -> bytes:
        limit = min(self._limit, max(0, bounds.characters))
        data = memoryview(value).cast("B")[: limit + _MARGIN].tobytes()
        if memoryview(value).nbytes > limit:
            self._loss.add("text")
        bounds.characters -= min(limit, len(data))
        text = data.decode("latin-1")
        narrow = text.replace("\0", "")
        if narrow != text and self._texts.scrub(narrow) != narrow:
            return MARKER.encode()[:limit]  # a secret in UTF-16
        return self._texts.scrub(text).encode("latin-1")[:limit]

    def _names_secret(self, clean: dict[str, Any], field: str) -> bool:
        name = clean.get(field)
        return type(name) is str and self._rules.is_secret(name)

    def _loss_beyond(self, value: object, kept: int) -> None:
        if (lost := length_of(value) - kept) > 0:
            self._loss.add("nesting", lost)
