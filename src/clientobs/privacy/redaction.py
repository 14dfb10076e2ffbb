"""The redactor: what every record passes on its way to the journal. It is on the hot path of every span.

The fast path is two dict look-ups a value (`tables.py`): each key is judged once and then leads to the table for
its values. That is the shared table of innocent texts (seen before is innocent still), one that answers the
marker to everything, one that lets paths pass (PWD), or one that makes pseudonyms. Lists, bytes and
foreign objects take the slow path (`containers.py`).

Nothing here raises, whatever it is given; what bounds cut off is counted in the ledger under "attributes",
"text" and "nesting".
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from clientobs import semconv
from clientobs._guarded import faults
from clientobs._patterns import pattern
from clientobs.privacy.containers import Bounds, Containers
from clientobs.privacy.keys import MARKER, KeyRules, is_path_like
from clientobs.privacy.plain import INT_MAX, INT_MIN, as_text, bounded_items, clean_text, length_of
from clientobs.privacy.pseudonym import is_pseudonym
from clientobs.privacy.tables import CACHED_LENGTH, KeyTable, LineTable, MarkerTable, OrdinaryTexts, TextTable
from clientobs.privacy.texts import TextRules, may_hold_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clientobs._loss import LossLedger
    from clientobs.config.model import LimitsConfig, PrivacyConfig, UserPolicy

__all__ = ["MARKER", "Redactor"]

_SENTENCES: Final = frozenset(
    {semconv.HANG_WAITS, semconv.LAST_LOG_LINES, semconv.PROBLEM_ERRORS, semconv.PROBLEM_TRACE_NAMES}
)
"""Lists of texts; any other list of texts may be a command line, whose arguments are judged together."""
_NAME_LENGTH: Final = 256
_UNNAMED: Final = "(unnamed)"
_ARGUMENTS: Final = 512
_TEXT_TOTAL: Final = 131_072
"""Characters kept of the texts of one set of attributes: a record has 1 MiB at most, containers included."""
_TEXT_FLOOR: Final = 64
_MARGIN: Final = 2_048
"""Characters read past a limit, so that a secret that a limit would cut in two is still seen whole."""
_USER_INFO_WITHOUT_SCHEME: Final = pattern(r"[^\s/?#@:]{0,256}:[^\s/?#@]{1,512}@")


class Redactor:
    """Cleans attributes, bodies, names, URLs and command lines: plain, bounded and without secrets.

    pseudonym: makes the stand-in for a person's name (`pseudonym.maker`); without it, names of persons are
    replaced like secrets unless `policy.user` is "name".

    >>> from clientobs._loss import LossLedger
    >>> from clientobs.config.model import LimitsConfig, PrivacyConfig
    >>> redactor = Redactor(PrivacyConfig(), LimitsConfig(), LossLedger())
    >>> redactor.attributes({"production.shot": "sh010", "ftrack.api_key": "a1b2", "note": "pwd=x7 ok"})
    {'production.shot': 'sh010', 'ftrack.api_key': '[redacted]', 'note': 'pwd=[redacted] ok'}
    """

    __slots__ = (
        *(
            "_body_limit",
            "_containers",
            "_count",
            "_keys",
            "_lines",
            "_loss",
            "_names",
            "_ordinary",
            "_rules",
            "_sentences",
        ),
        *("_suspects", "_tables", "_text_limit", "_texts", "_value_limit", "_whole"),
    )

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
        self._text_limit, self._body_limit = limits.text_length, limits.body_length
        self._value_limit = min(limits.text_length, _or(limits.attribute_value_length, limits.text_length))
        self._whole = _TEXT_TOTAL // max(1, self._value_limit)
        patterns = _compiled(policy.redact_values)
        # A studio's own patterns must see every text.
        self._suspects: Callable[[str], bool] = bool if patterns else may_hold_secret
        self._rules = KeyRules(policy.redact_keys, policy.allow_keys)
        self._texts = TextRules(self._rules, patterns)
        quick = 0 if patterns else min(CACHED_LENGTH, self._value_limit)
        self._ordinary: TextTable = OrdinaryTexts(lambda text: self._clean(text, self._value_limit), quick)
        self._sentences = OrdinaryTexts(lambda text: self._clean(text, self._value_limit), quick)
        secrets = MarkerTable()
        self._tables: dict[str, TextTable] = {
            "open": self._ordinary,
            "secret": secrets,
            "path": TextTable(self._path_or_marker),
            "person": self._person_table(policy.user, pseudonym, secrets),
        }
        self._names = TextTable(lambda text: self._clean(text, _NAME_LENGTH).strip() or _UNNAMED)
        self._keys = KeyTable(self._judge)
        self._lines = LineTable()
        self._containers = Containers(
            keys=self._keys,
            ordinary=self._ordinary,
            sentences=self._sentences,
            secrets=secrets,
            rules=self._rules,
            texts=self._texts,
            limit=self._value_limit,
            loss=loss,
        )

    def attributes(self, mapping: Mapping[Any, Any], limit: int | None = None) -> dict[str, Any]:
        """Return a new dict of plain, clean values under clean keys.

        limit: how many are kept; None for `limits.attribute_count`. The rest is counted as "attributes".
        """
        most = self._count if limit is None else limit
        keys, ordinary = self._keys, self._ordinary
        clean: dict[str, Any] = {}
        bounds: Bounds | None = None
        try:
            # An exact dict says how long it is; a mapping of the host's or the SDK's may do so and never end.
            items = mapping if type(mapping) is dict else dict(islice(mapping.items(), most + 1))
            if len(items) > most:
                return self._attribute_by_attribute(mapping, most)
            for key, value in items.items():
                name, table = keys[key]
                kind = type(value)
                if kind is str:
                    clean[name] = table[value]
                elif table is ordinary and (
                    (kind is int and INT_MIN <= value <= INT_MAX) or kind is float or kind is bool
                ):
                    clean[name] = value
                elif kind is tuple and table is ordinary and value in self._lines:
                    clean[name] = list(value)
                else:
                    bounds = bounds or Bounds()
                    clean[name] = found = self._containers.under(table, value, bounds)
                    if kind is tuple and table is ordinary:
                        self._lines.learn(value, found)
        except Exception:  # noqa: BLE001  # an odd key, or a dict that changed meanwhile: again, with care
            return self._attribute_by_attribute(mapping, most)
        return clean if len(clean) <= self._whole else self._fit(clean)

    def value(self, key: str, value: object) -> Any:
        """Return one value, plain and clean, by the rules for its key."""
        _, table = self._keys.of(key)
        return table[value] if type(value) is str else self._containers.under(table, value, Bounds())

    def text(self, text: object, limit: int | None = None) -> str:
        """Return a text without secrets, at most `limit` characters (default: `limits.text_length`)."""
        most = self._text_limit if limit is None else limit
        if type(text) is str and len(text) <= most and len(text) <= self._value_limit:
            return self._ordinary[text]
        return self._clean(text, most)

    def body(self, body: object) -> Any:
        """Return the body of a log record: a text of at most `limits.body_length`, or a plain structure."""
        if type(body) is str:
            return self.text(body, self._body_limit)
        return self._containers.plain(body, Bounds(self._body_limit))

    def name(self, name: object) -> str:
        """Return the name of a span or an event: clean, at most 256 characters, never empty."""
        return self._names[name if type(name) is str else as_text(name)]

    def url(self, url: object) -> str:
        """Return a URL without user info and secret parameters; also one that lacks its scheme."""
        text = as_text(url)
        if "@" in text and "//" not in text[:64]:
            text = _USER_INFO_WITHOUT_SCHEME.sub(MARKER + "@", text, count=1)
        return self._clean(text, self._value_limit)

    def arguments(self, words: Iterable[object]) -> list[str]:
        """Return a command line's arguments without secrets, whichever form their flags take; at most 512."""
        return self._containers.arguments(
            [as_text(word) for word in self._containers.elements(words, _ARGUMENTS)]
        )

    def is_secret(self, name: str) -> bool:
        """Say whether the values of a name are replaced: an attribute's, a variable's, a flag's, a header's."""
        return self._rules.is_secret(name)

    def _judge(self, key: object) -> tuple[str, TextTable]:
        text = as_text(key)
        table = self._tables[self._rules.verdict(text)]
        if table is self._ordinary and text in _SENTENCES:
            table = self._sentences
        return self._clean(text, _NAME_LENGTH) or _UNNAMED, table

    def _clean(self, text: object, limit: int) -> str:
        try:
            whole = text if type(text) is str else as_text(text)
            window, torn = _window(whole, limit)
            clean = clean_text(window)
            if self._suspects(clean):
                clean = self._texts.scrub(clean)
            if torn:
                clean = clean[: -(_MARGIN // 2)]
            if len(clean) > limit or len(window) < len(whole):
                self._loss.add("text")
            return clean[:limit]
        except Exception as error:  # noqa: BLE001  # the wall: what could not be cleaned is not recorded
            faults.record("redaction", error)
            return MARKER

    def _path_or_marker(self, text: str) -> str:
        return self._ordinary[text] if not text or is_path_like(text) else MARKER

    def _person_table(
        self, policy: UserPolicy, pseudonym: Callable[[str], str] | None, secrets: TextTable
    ) -> TextTable:
        if policy == "name":
            return self._ordinary
        if policy == "none" or pseudonym is None:
            return TextTable(lambda text: text if not text or is_pseudonym(text) else secrets[text])
        return TextTable(lambda text: text if not text or is_pseudonym(text) else pseudonym(text))

    def _attribute_by_attribute(self, mapping: object, most: int) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        bounds = Bounds()
        for key, value in bounded_items(mapping, most):
            name, table = self._keys.of(key)
            clean[name] = table[value] if type(value) is str else self._containers.under(table, value, bounds)
        if (lost := length_of(mapping) - len(clean)) > 0:
            self._loss.add("attributes", lost)
        return self._fit(clean)

    def _fit(self, clean: dict[str, Any]) -> dict[str, Any]:
        """Cut the last of many long texts, so that the record stays within its bytes."""
        left = _TEXT_TOTAL
        for key, value in clean.items():
            if type(value) is str:
                left -= len(value)
                if left < 0 and len(value) > _TEXT_FLOOR:
                    clean[key] = value[:_TEXT_FLOOR]
                    self._loss.add("text")
        return clean


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


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
    """Compile a studio's patterns; one that is broken is left out, and `clientobs doctor` shows the fault."""
    found = (_compile(pattern) for pattern in patterns)
    return tuple(pattern for pattern in found if pattern is not None)


def _compile(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError, TypeError) as error:
        faults.record("privacy.redact_values", error)
        return None
