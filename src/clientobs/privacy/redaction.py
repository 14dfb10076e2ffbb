"""The redactor: what every record passes on its way to the journal. It is on the hot path of every span.

The fast path is two dict look-ups a value (`tables.py`): each key is judged once and then leads to the table for
its values. That is the shared table of innocent texts (seen before is innocent still), one that answers the
marker to everything, one that lets paths pass (PWD), or one that makes pseudonyms. All else (long texts, lists,
bytes, objects) takes the slow path.

Nothing here raises, whatever it is given; what bounds cut off is counted in the ledger under "attributes",
"text" and "nesting".
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, ItemsView, Iterable, KeysView, Mapping, Sequence, ValuesView
from itertools import islice
from typing import Any, Final, TypeAlias

from clientobs._guarded import faults
from clientobs._loss import LossLedger
from clientobs.config.model import LimitsConfig, PrivacyConfig
from clientobs.privacy.commands import scrub_arguments
from clientobs.privacy.keys import MARKER, KeyRules, is_path_like
from clientobs.privacy.plain import INT_MAX, INT_MIN, as_text, bounded_items, clean_text, plain_scalar
from clientobs.privacy.pseudonym import is_pseudonym
from clientobs.privacy.tables import CACHED_LENGTH, KeyTable, MarkerTable, OrdinaryTexts, TextTable
from clientobs.privacy.texts import TextRules, may_hold_secret

__all__ = ["MARKER", "AttrValue", "Redactor"]

AttrValue: TypeAlias = "str | bool | int | float | bytes | list[Any] | dict[str, Any] | None"

_NAME_LENGTH: Final = 256
_UNNAMED: Final = "(unnamed)"
_DEPTH: Final = 8
_NODES: Final = 2_000
"""Elements kept of one set of attributes, all lists and dicts of it together."""
_TEXT_TOTAL: Final = 131_072
"""Characters kept of the texts of one set, and as many of its lists and dicts: a record has 1 MiB at most."""
_TEXT_FLOOR: Final = 64
_MARGIN: Final = 2_048
"""Characters read past a limit, so that a secret that a limit would cut in two is still seen whole."""
_CUT: Final = "..."
_USER_INFO_WITHOUT_SCHEME: Final = re.compile(r"[^\s/?#@:]{0,256}:[^\s/?#@]{1,512}@")
_SEQUENCES: Final = (list, tuple, set, frozenset, deque, KeysView, ValuesView, ItemsView)


class _Walk:
    """What is left of the bounds on one set's lists and dicts."""

    __slots__ = ("characters", "nodes")

    def __init__(self) -> None:
        self.nodes = _NODES
        self.characters = _TEXT_TOTAL


class Redactor:
    """Cleans attributes, texts, names, URLs and command lines: no secret in, bounded and plain out.

    pseudonym: makes the stand-in for a person's name (`pseudonym.py`); without it names of persons are
    replaced like secrets, unless `policy.user` is "name".

    >>> redactor = Redactor(PrivacyConfig(), LimitsConfig(), LossLedger())
    >>> redactor.attributes({"production.shot": "sh010", "ftrack.api_key": "a1b2", "note": "pwd=x7 ok"})
    {'production.shot': 'sh010', 'ftrack.api_key': '[redacted]', 'note': 'pwd=[redacted] ok'}
    """

    __slots__ = (
        "_count", "_keys", "_loss", "_names", "_ordinary", "_paths", "_patterns", "_persons", "_pseudonym", "_rules",
        "_secrets", "_text_limit", "_texts", "_value_limit", "_whole",
    )  # fmt: skip

    def __init__(
        self,
        policy: PrivacyConfig,
        limits: LimitsConfig,
        loss: LossLedger,
        *,
        pseudonym: Callable[[str], str] | None = None,
    ) -> None:
        self._loss = loss
        self._count = limits.attribute_count
        self._text_limit = limits.text_length
        self._value_limit = min(limits.text_length, limits.attribute_value_length or limits.text_length)
        self._whole = _TEXT_TOTAL // max(1, self._value_limit)
        self._rules = KeyRules(policy.redact_keys, policy.allow_keys)
        self._patterns = _compiled(policy.redact_values)
        self._texts = TextRules(self._rules, self._patterns)
        quick = 0 if self._patterns else min(CACHED_LENGTH, self._value_limit)
        self._ordinary: TextTable = OrdinaryTexts(lambda text: self._clean(text, self._value_limit), quick)
        self._secrets = MarkerTable()
        self._paths = TextTable(self._path_or_marker)
        self._pseudonym = pseudonym
        self._persons = self._ordinary if policy.user == "name" else TextTable(self._person)
        if policy.user == "none":
            self._persons = self._secrets
        self._names = TextTable(lambda text: self._clean(text, _NAME_LENGTH) if text.strip() else _UNNAMED)
        self._keys = KeyTable(self._judge)

    def attributes(self, mapping: Mapping[Any, Any], limit: int | None = None) -> dict[str, Any]:
        """Return a new dict of plain, clean values under clean keys: at most `limit` of them.

        limit: how many; None for OTEL_ATTRIBUTE_COUNT_LIMIT. What is over it is counted as "attributes".
        """
        most = self._count if limit is None else limit
        keys, ordinary = self._keys, self._ordinary
        clean: dict[str, Any] = {}
        walk: _Walk | None = None
        try:
            if len(mapping) > most:
                return self._slowly(mapping, most)
            for key, value in mapping.items():
                name, table = keys[key]
                kind = type(value)
                if kind is str:
                    clean[name] = table[value]
                elif table is ordinary and (
                    (kind is int and INT_MIN <= value <= INT_MAX) or kind is float or kind is bool
                ):
                    clean[name] = value
                else:
                    walk = walk or _Walk()
                    clean[name] = self._odd(table, value, walk)
        except Exception:  # noqa: BLE001  # a foreign mapping, or one that changed meanwhile: once more, with care
            return self._slowly(mapping, most)
        return clean if len(clean) <= self._whole else self._fit(clean)

    def value(self, key: str, value: object) -> Any:
        """Return one value, plain and clean, by the rules for its key."""
        table = self._keys[key][1]
        return table[value] if type(value) is str else self._odd(table, value, _Walk())

    def text(self, text: object, limit: int | None = None) -> str:
        """Return a text without secrets, at most `limit` characters (default: `limits.text_length`)."""
        most = self._text_limit if limit is None else limit
        if type(text) is str and len(text) <= most and len(text) <= self._value_limit <= self._text_limit:
            return self._ordinary[text]
        return self._clean(text, most)

    def name(self, name: object) -> str:
        """Return the name of a span or an event: clean, at most 256 characters, never empty."""
        return self._names[name if type(name) is str else as_text(name)]

    def url(self, url: object) -> str:
        """Return a URL without user info and secret parameters; also one that lacks its scheme."""
        text = as_text(url)
        if "//" not in text[:64] and "@" in text:
            text = _USER_INFO_WITHOUT_SCHEME.sub(MARKER + "@", text, count=1)
        return self._clean(text, self._value_limit)

    def arguments(self, words: Iterable[object]) -> list[str]:
        """Return a command line's arguments without secrets, whichever form their flags take."""
        return self._arguments([as_text(word) for word in self._elements(words, _NODES)])

    def _judge(self, key: object) -> tuple[str, TextTable]:
        text = as_text(key)
        verdict = self._rules.verdict(text)
        tables = {"open": self._ordinary, "secret": self._secrets, "path": self._paths, "person": self._persons}
        return self._clean(text, _NAME_LENGTH) or _UNNAMED, tables[verdict]

    def _clean(self, text: object, limit: int) -> str:
        try:
            plain = text if type(text) is str else as_text(text)
            window, torn = _window(plain, limit)
            clean = clean_text(window)
            if self._patterns or may_hold_secret(clean):
                clean = self._texts.scrub(clean)
            if torn:
                clean = clean[:-_MARGIN // 2]
            if len(clean) > limit or len(window) < len(plain):
                self._loss.add("text")
            return clean[:limit]
        except Exception as error:  # noqa: BLE001  # the wall: what could not be cleaned is not recorded
            faults.record("redaction", error)
            return MARKER

    def _path_or_marker(self, text: str) -> str:
        return self._ordinary[text] if not text or is_path_like(text) else MARKER

    def _person(self, text: str) -> str:
        if not text or is_pseudonym(text) or text == MARKER:
            return text
        return self._pseudonym(text) if self._pseudonym is not None else MARKER

    def _slowly(self, mapping: object, most: int) -> dict[str, Any]:
        items = bounded_items(mapping, most + 1)
        clean: dict[str, Any] = {}
        walk = _Walk()
        for key, value in items[:most]:
            name, table = self._judge(key) if type(key) is not str else self._keys[key]
            clean[name] = table[value] if type(value) is str else self._odd(table, value, walk)
        self._count_lost("attributes", mapping, len(clean))
        return self._fit(clean)

    def _fit(self, clean: dict[str, Any]) -> dict[str, Any]:
        left = _TEXT_TOTAL
        for key, value in clean.items():
            if type(value) is str:
                left -= len(value)
                if left < 0 and len(value) > _TEXT_FLOOR:
                    clean[key] = value[:_TEXT_FLOOR]
                    self._loss.add("text")
        return clean

    def _odd(self, table: TextTable, value: object, walk: _Walk) -> Any:
        """Make a value plain that is no short text: by its key's table, or by its own type."""
        if table is self._ordinary:
            return self._plain(value, walk, 0)
        if value is None or type(value) is bool or table is self._secrets:
            return value if value is None or type(value) is bool else MARKER
        return table[as_text(value)]

    def _plain(self, value: object, walk: _Walk, depth: int) -> Any:
        walk.nodes -= 1
        if walk.nodes < 0 or depth > _DEPTH:
            self._loss.add("nesting")
            return _CUT
        try:
            if isinstance(value, (bytes, bytearray, memoryview)):
                return self._bytes(value, walk)
            if isinstance(value, Mapping):
                return self._mapping(value, walk, depth)
            if isinstance(value, _SEQUENCES):
                return self._sequence(value, walk, depth)
            scalar = plain_scalar(value)
        except Exception:  # noqa: BLE001  # foreign code: a __class__ or an __iter__ that raises
            scalar = as_text(value)
        return self._within(scalar, walk) if type(scalar) is str else scalar

    def _within(self, text: str, walk: _Walk) -> str:
        if walk.characters < _TEXT_FLOOR:
            self._loss.add("text")
            return _CUT
        clean = self._ordinary[text][: walk.characters]
        walk.characters -= len(clean)
        return clean

    def _mapping(self, value: Mapping[Any, Any], walk: _Walk, depth: int) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for key, inner in bounded_items(value, walk.nodes + 1):
            name, table = self._keys[key] if type(key) is str else self._judge(key)
            clean[name] = self._plain(inner, walk, depth + 1) if table is self._ordinary else self._odd(table, inner, walk)
        if "value" in clean and self._is_secret(clean.get("name")) | self._is_secret(clean.get("key")):
            clean["value"] = MARKER
        return clean

    def _sequence(self, value: Iterable[Any], walk: _Walk, depth: int) -> list[Any]:
        items = self._elements(value, max(0, walk.nodes))
        if all(type(item) is str for item in items):
            walk.nodes -= len(items)
            return [self._within(word, walk) for word in self._arguments(items)]
        if len(items) == 2 and self._is_secret(items[0]):
            return [items[0], MARKER]
        return [self._plain(item, walk, depth + 1) for item in items]

    def _elements(self, value: Iterable[Any], most: int) -> list[Any]:
        items: list[Any] = []
        try:
            items.extend(islice(value, most))
        except Exception as error:  # noqa: BLE001  # foreign code: what it yielded so far is kept
            self._loss.add("nesting")
            return items or [as_text(error)]
        self._count_lost("nesting", value, len(items))
        return items

    def _arguments(self, words: Sequence[str]) -> list[str]:
        if len(words) == 2 and self._is_secret(words[0]):
            return [self._ordinary[words[0]], MARKER]
        return scrub_arguments(words, self._rules, self._ordinary.__getitem__)

    def _bytes(self, value: bytes | bytearray | memoryview, walk: _Walk) -> bytes:
        limit = min(self._value_limit, max(0, walk.characters))
        data = memoryview(value).cast("B")[: limit + _MARGIN].tobytes()
        walk.characters -= min(limit, len(data))
        text = data.decode("latin-1")
        clean = self._texts.scrub(text)
        if "\0" in text and self._texts.scrub(text.replace("\0", "")) != text.replace("\0", ""):
            return MARKER.encode()  # a secret in UTF-16
        return clean.encode("latin-1")[:limit]

    def _is_secret(self, key: object) -> bool:
        return type(key) is str and self._rules.is_secret(key)

    def _count_lost(self, reason: str, value: object, kept: int) -> None:
        try:
            lost = len(value) - kept  # type: ignore[arg-type]  # what has no length loses nothing we know of
        except Exception:  # noqa: BLE001  # a generator, or foreign code
            return
        if lost > 0:
            self._loss.add(reason, lost)


def _window(text: str, limit: int) -> tuple[str, bool]:
    """Return what of a text is looked at, and whether its end may be half a secret.

    The cut is made at white space where there is any within the margin; no token goes across one.
    """
    if len(text) <= limit + _MARGIN:
        return text, False
    first, last = limit + _MARGIN // 2, limit + _MARGIN
    space = max(text.rfind(sign, first, last) for sign in " \n\t")
    return (text[:space], False) if space > 0 else (text[:last], True)


def _compiled(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Compile a studio's patterns; one that is broken is left out and shown by `clientobs doctor`."""
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern))
        except (re.error, RecursionError, OverflowError) as error:
            faults.record("privacy.redact_values", error)
    return tuple(compiled)
