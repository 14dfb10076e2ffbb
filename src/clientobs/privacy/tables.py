"""Tables of what redaction has already seen: the reason why it costs next to nothing on the hot path.

Each is a dict that fills itself through `__missing__`, so that a value seen before is one look-up in C. All are
bounded: beyond 4096 entries of at most 256 characters they forget everything at once (about 2 MB each at most).
None ever holds a text in which a secret was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clientobs.privacy.keys import MARKER
from clientobs.privacy.texts import may_hold_secret

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CACHED_LENGTH", "KeyTable", "LineTable", "MarkerTable", "OrdinaryTexts", "TextTable"]

CACHED_LENGTH: Final = 256
_CACHED_COUNT: Final = 4096
_LINE_COUNT: Final = 256
_LINE_WORDS: Final = 16


class TextTable(dict[str, str]):
    """Texts known to stay as they are; `clean` answers for all others."""

    __slots__ = ("_clean",)

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean

    def __missing__(self, text: str) -> str:
        clean = self._clean(text)
        if clean == text and len(text) <= CACHED_LENGTH:
            if len(self) >= _CACHED_COUNT:
                self.clear()
            self[text] = clean
        return clean


class OrdinaryTexts(TextTable):
    """The values of ordinary keys: a TextTable with the commonest case, a fresh innocent text, spelled out.

    quick: length up to which that short cut is taken; 0 where a studio's own patterns must see every text.
    """

    __slots__ = ("_quick",)

    def __init__(self, clean: Callable[[str], str], quick: int) -> None:
        super().__init__(clean)
        self._quick = quick

    def __missing__(self, text: str) -> str:
        if len(text) <= self._quick and text.isascii() and "\0" not in text and not may_hold_secret(text):
            if len(self) >= _CACHED_COUNT:
                self.clear()
            self[text] = text
            return text
        return super().__missing__(text)


class MarkerTable(TextTable):
    """The values of secret keys: the marker for every text but the empty one; nothing is remembered."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda text: MARKER if text else text)

    def __missing__(self, text: str) -> str:
        return MARKER if text else text


class LineTable(set[tuple[Any, ...]]):
    """Command lines known to stay as they are: a tool that is started again and again is judged once."""

    __slots__ = ()

    def learn(self, words: tuple[Any, ...], clean: object) -> None:
        """Remember words that came out as they went in; short ones, and exact texts only."""
        if len(words) > _LINE_WORDS or clean != list(words):
            return
        if all(type(word) is str and len(word) <= CACHED_LENGTH for word in words):
            if len(self) >= _LINE_COUNT:
                self.clear()
            self.add(words)


class KeyTable(dict[str, tuple[str, TextTable]]):
    """Keys judged before: each leads to the name that is recorded and to the table of its values."""

    __slots__ = ("_judge",)

    def __init__(self, judge: Callable[[Any], tuple[str, TextTable]]) -> None:
        self._judge = judge

    def of(self, key: Any) -> tuple[str, TextTable]:
        """Return the verdict on any object as a key, also on one that cannot be hashed or looked up."""
        return self[key] if type(key) is str else self._judge(key)

    def __missing__(self, key: Any) -> tuple[str, TextTable]:
        found = self._judge(key)
        # Exact strings only: an odd key of a host (kept alive, compared by its own __eq__) is judged each time.
        if type(key) is str and len(key) <= CACHED_LENGTH:
            if len(self) >= _CACHED_COUNT:
                self.clear()
            self[key] = found
        return found
