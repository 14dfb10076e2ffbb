"""Where a secret value ends: the extent of what follows `password=`, in shell, URL, JSON, repr, XML, headers.

A value is taken for longer rather than shorter where its end is in doubt: a lost bracket is a blemish, the
second half of a password is a leak. Each function runs in time proportional to what it passes over.
"""

from __future__ import annotations

import re
from typing import Final

from clientobs._patterns import pattern
from clientobs.privacy.keys import MARKER

__all__ = ["end_of_element", "end_of_header", "value_at"]

_MAX_NOTHING: Final = 64
_MAX_NESTED: Final = 65_536
_MAX_ELEMENT: Final = 8_192
_NAME_AHEAD: Final = r"[\w.%\-]{1,64}"
_OPENING: Final = pattern(r"(?:[bBuUrRfF]{0,2})(\\{0,8})(\"\"\"|'''|[\"'`])")
_UNQUOTED: Final = pattern(
    r"(?:[^\s\"'`<&;,)\]}\\]+"
    # A quote, bracket or separator belongs to the value unless something that ends a value follows.
    r"|[\"'`)\]}](?![\s\"'`,;)\]}>:&.\\]|/>|\Z)"
    rf"|[&;](?!\s|\Z|{_NAME_AHEAD}=)"
    rf"|,(?![\s\"'{{\[]|\Z|{_NAME_AHEAD}[\"']?[=:])"
    r"|<(?!/)|\\(?![\"'nrt]))*"
)
_NESTED: Final = pattern(r"\"(?:[^\"\\]+|\\.)*\"?|'(?:[^'\\]+|\\.)*'?|[\[\](){}]|[^\"'\[\](){}]+", re.DOTALL)
_INSIDE: Final = {quote: pattern(rf"(?:[^{quote}\\]+|\\.)*", re.DOTALL) for quote in "\"'`"}
_GLUED: Final = pattern(r"[^\s,;&)\]}>:<\"'`\\./]")
_HEADER_END: Final = pattern(r"[\r\n]|\\+[nr\"']|[\"'](?=[\s,;)\]}>]|\Z)")
_SCHEME_WITH_QUOTES: Final = pattern(r"\s*(?:digest|aws4|oauth|hawk|ntlm)\b", re.IGNORECASE)
_LINE_END: Final = pattern(r"[\r\n]")
_NOTHING: Final = pattern(
    rf"(?:null|none|nil|true|false|undefined|\*+|{re.escape(MARKER)}"
    r"|\$\{?[A-Z_][A-Z0-9_]*\}?|%[A-Z_]+%|<[\w -]+>)?\Z",
    re.IGNORECASE,
)
_CLOSERS: Final = {"[": "]", "(": ")", "{": "}"}


def value_at(text: str, start: int) -> tuple[int, int]:
    """Return where the value that begins at `start` begins and ends, its quotes left outside.

    Equal numbers: there is no value, or it is one that says nothing (null, true, `$VARIABLE`, the marker).

    >>> text = 'password="two words", next'
    >>> begin, end = value_at(text, 9); text[begin:end]
    'two words'
    """
    opening = _OPENING.match(text, start)
    if opening:
        begin, end = opening.end(), _end_of_quoted(text, opening)
    elif text[start : start + 1] in _CLOSERS:
        begin, end = start, _end_of_unquoted(text, _end_of_nested(text, start))
    else:
        begin, end = start, _end_of_unquoted(text, start)
    return (begin, begin) if _says_nothing(text, begin, end) else (begin, end)


def end_of_header(text: str, start: int) -> int:
    """Return where the value of an HTTP header ends: at the line's end, or at the quote around it."""
    pattern = _LINE_END if _SCHEME_WITH_QUOTES.match(text, start, start + 64) else _HEADER_END
    end = pattern.search(text, start)
    return end.start() if end else len(text)


def end_of_element(text: str, start: int) -> int:
    """Return where the text of an XML element ends, or `start` where nothing closes it."""
    return max(start, text.find("</", start, start + _MAX_ELEMENT))


def _says_nothing(text: str, begin: int, end: int) -> bool:
    return end - begin <= _MAX_NOTHING and _NOTHING.match(text[begin:end]) is not None


def _end_of_unquoted(text: str, start: int) -> int:
    match = _UNQUOTED.match(text, start)
    return match.end() if match else start


def _end_of_quoted(text: str, opening: re.Match[str]) -> int:
    escape, quote = opening[1], opening[2]
    if escape or len(quote) > 1:
        closing = re.compile(rf"(?<!\\){re.escape(escape + quote)}").search(text, opening.end())
        return closing.start() if closing else len(text)
    inside = _INSIDE[quote].match(text, opening.end())
    end = inside.end() if inside else opening.end()
    # 'abc'def is one word to a shell, and a password with a quote in it looks so, too.
    return _end_of_unquoted(text, end + 1) if _GLUED.match(text, end + 1) else end


def _end_of_nested(text: str, start: int) -> int:
    depth, position, limit = 0, start, min(len(text), start + _MAX_NESTED)
    while position < limit:
        match = _NESTED.match(text, position, limit)
        if match is None:
            break
        position = match.end()
        if match[0] in "[({":
            depth += 1
        elif match[0] in "])}":
            depth -= 1
            if depth == 0:
                return position
    return limit
