"""How many steps a regular expression takes on a text, counted: a measure that no busy machine changes.

A matcher that backtracks as `re` does, over the tree that `re` itself makes of a pattern, for the part of its language
that the presets use. It gives up at a limit, so that a pattern without end fails a test instead of hanging it.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, Final

if sys.version_info >= (3, 11):
    from re import _constants as constants  # type: ignore[attr-defined]  # what `re` keeps to itself has no stub
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_constants as constants
    import sre_parse as parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Then = Callable[[int], bool]

__all__ = ["TooManyStepsError", "endless_repeats", "match_end", "search_steps"]

_ALL: Final = constants.MAXREPEAT
_CATEGORIES: Final[dict[Any, Callable[[str], bool]]] = {
    constants.CATEGORY_DIGIT: str.isdecimal,
    constants.CATEGORY_NOT_DIGIT: lambda char: not char.isdecimal(),
    constants.CATEGORY_SPACE: str.isspace,
    constants.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    constants.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    constants.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}
_ONE_CHARACTER: Final = (constants.LITERAL, constants.NOT_LITERAL, constants.ANY, constants.IN)


class TooManyStepsError(Exception):
    """The limit was reached."""


def match_end(pattern: str, text: str, limit: int) -> tuple[int | None, int]:
    """Return where a match from the start of `text` ends, None for none, and the steps that it took."""
    matcher = _Matcher(text, limit)
    return matcher.match(list(parser.parse(pattern)), 0), matcher.steps


def search_steps(pattern: str, text: str, limit: int) -> int:
    """Return the steps that it takes to look for `pattern` in all of `text`, where it is not."""
    matcher = _Matcher(text, limit)
    tree = list(parser.parse(pattern))
    assert not any(matcher.match(tree, start) is not None for start in range(len(text) + 1))
    return matcher.steps


def endless_repeats(pattern: str) -> list[str]:
    """Return the repeats of a pattern that have no greatest number."""
    return [str(item) for item in _items(parser.parse(pattern)) if item[0] in _REPEATS and item[1][1] == _ALL]


_REPEATS: Final = (constants.MAX_REPEAT, constants.MIN_REPEAT)


def _items(tree: Any) -> Iterator[Any]:
    for item in tree:
        yield item
        parts = item[1] if isinstance(item[1], (tuple, list)) else ()
        for part in parts:
            for each in part if isinstance(part, list) else (part,):
                if isinstance(each, parser.SubPattern):
                    yield from _items(each)


class _Matcher:
    def __init__(self, text: str, limit: int) -> None:
        self._text = text
        self._limit = limit
        self.steps = 0

    def match(self, items: Sequence[Any], start: int) -> int | None:
        ends: list[int] = []

        def then(at: int) -> bool:
            ends.append(at)
            return True

        return ends[-1] if self._go(items, start, 0, then) else None

    def _go(self, items: Sequence[Any], at: int, flags: int, then: Then) -> bool:
        self.steps += 1
        if self.steps > self._limit:
            raise TooManyStepsError
        if not items:
            return then(at)
        (op, argument), rest = items[0], items[1:]

        def on(end: int) -> bool:
            return self._go(rest, end, flags, then)

        if op in _ONE_CHARACTER:
            return self._is(op, argument, at, flags) and on(at + 1)
        if op in (constants.AT, constants.ASSERT, constants.ASSERT_NOT):
            return self._holds(op, argument, at, flags) and on(at)
        if op is constants.BRANCH:
            return any(self._go(list(branch), at, flags, on) for branch in argument[1])
        if op is constants.SUBPATTERN:
            _, added, removed, inner = argument
            return self._go(list(inner), at, (flags | added) & ~removed, on)
        assert op in _REPEATS, op
        return self._repeat(op is constants.MAX_REPEAT, argument, at, flags, on)

    def _repeat(self, is_greedy: bool, argument: Any, at: int, flags: int, on: Then) -> bool:
        least, most, inner = argument
        items = list(inner)
        if len(items) == 1 and items[0][0] in _ONE_CHARACTER:
            run = 0
            op, argument = items[0]
            while run < most and self._is(op, argument, at + run, flags):
                run += 1
            counts = range(run, least - 1, -1) if is_greedy else range(least, run + 1)
            return any(on(at + count) for count in counts)

        def again(end: int, done: int) -> bool:
            def more() -> bool:
                return done < most and self._go(
                    items, end, flags, lambda next_: next_ > end and again(next_, done + 1)
                )

            if done < least:
                return more()
            return more() or on(end) if is_greedy else on(end) or more()

        return again(at, 0)

    def _is(self, op: Any, argument: Any, at: int, flags: int) -> bool:
        self.steps += 1
        if self.steps > self._limit:
            raise TooManyStepsError
        if at >= len(self._text):
            return False
        char = self._text[at]
        if op is constants.ANY:
            return char != "\n"
        chars = {char, char.lower(), char.upper()} if flags & re.IGNORECASE else {char}
        if op is constants.LITERAL:
            return any(ord(each) == argument for each in chars)
        if op is constants.NOT_LITERAL:
            return all(ord(each) != argument for each in chars)
        is_negated = argument[0][0] is constants.NEGATE
        return is_negated != any(_is_in(item, each) for item in argument[is_negated:] for each in chars)

    def _holds(self, op: Any, argument: Any, at: int, flags: int) -> bool:
        if op is not constants.AT:
            direction, inner = argument
            assert direction == 1, "no look behind"
            return self._go(list(inner), at, flags, lambda _end: True) == (op is constants.ASSERT)
        if argument is constants.AT_BEGINNING:
            return at == 0
        if argument is constants.AT_END:
            return at + 1 >= len(self._text) and self._text[at:] in ("", "\n")
        assert argument is constants.AT_BOUNDARY
        around = [0 <= each < len(self._text) and _is_word(self._text[each]) for each in (at - 1, at)]
        return around[0] != around[1]


def _is_in(item: Any, char: str) -> bool:
    op, argument = item
    if op is constants.LITERAL:
        return ord(char) == int(argument)
    if op is constants.RANGE:
        return bool(argument[0] <= ord(char) <= argument[1])
    return _CATEGORIES[argument](char)


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
