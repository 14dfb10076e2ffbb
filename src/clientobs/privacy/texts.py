"""Secrets inside texts: log bodies, command lines, URLs, JSON, tracebacks, values of any attribute.

    may_hold_secret   a few substring tests; nearly every path, name and message ends here
    scrub             the rules, one after the other, each behind a substring test of its own

The rules, in this order:

    private keys and tokens, by their looks         tokens.py
    user info in URLs
    what follows Bearer and Basic                   tokens.py
    `name=value` where the name is a secret's       keys.py judges the name, values.py finds the value's end
    flags of known programs                         commands.py
    what nothing but its place gives away           places.py
    the studio's own patterns

No pattern begins with a greedy run: the time is proportional to the length of the text, whatever stands in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from clientobs._patterns import pattern
from clientobs.privacy.commands import may_name_program, scrub_commands
from clientobs.privacy.keys import HINTS, MARKER, KeyRules, is_path_like, words_of
from clientobs.privacy.places import may_hold_placed, scrub_placed, unquoted
from clientobs.privacy.tokens import may_hold_token, scrub_schemes, scrub_tokens
from clientobs.privacy.values import end_of_element, end_of_header, value_at

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TextRules", "may_hold_secret"]

_MAX_LEFT: Final = 80
_ESCAPE: Final = 2
_NAME: Final = pattern(r"[\w.\-]*")
_COMPANION: Final = pattern(r"[ ]([A-Za-z]{2,12})(?![A-Za-z])")
_QUERY_NAMES: Final = frozenset({"sig", "signature", "key", "pass", "auth"})
_HEADERS: Final = pattern(r"(?:authorization|cookie)s?$")
_PARSER_WORD: Final = pattern(
    r"(?:unexpected|unknown|invalid|illegal|expected|bad|next|last)\s$", re.IGNORECASE
)
_SETTING: Final = pattern(r"(?:setenv|setx|set|config)[ \t]{1,3}\Z", re.IGNORECASE)
_VARIABLE: Final = pattern(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+\Z")
_WINDOWS_FLAGS: Final = frozenset({"password", "passwd", "passphrase", "pwd", "pw", "pass"})
_USER_INFO: Final = pattern(
    # name:password, up to the last @ (a password may hold / and @), but not host:port; or a name alone.
    r"(?<=//)(?!\[)(?:[^\s/?#@:\"'<>\\]{0,256}:(?!\d{1,5}(?:[/?#]|\Z))[^\s\"'<>\\]{1,512}@"
    r"|(?!git@)[^\s/?#\"'<>\\]{1,512}@)"
)
_NAME_AND_SEPARATOR: Final = pattern(
    "(?:" + "|".join(HINTS) + r")[\w.\-]{0,40}"
    r"(?:[\"'\\\])]{0,6}[ \t]{0,3}(?P<assign>=>|:=|==?|:|%3[ad])[ \t]{0,3}"
    r"|(?P<element>[^\s<>]{0,1}>)"
    r"|\\?[\"'],?[ \t\r\n]{0,40}\\?[\"']?value\\?[\"']?[ \t]{0,3}[=:][ \t]{0,3}"
    r"|(?P<comma>\\?[\"'],[ \t]{0,3}(?=[\"'\\]))"
    r"|(?P<column>[ \t]{4,60}(?=\S))"
    r"|(?P<space>[ \t]{1,3}))"
)


def may_hold_secret(text: str) -> bool:
    """Say whether any rule may apply: a name and the sign that joins it to a value, or a token's prefix."""
    if (
        "=" in text or (":" in text and text.find(":", 2) >= 0) or ">" in text or "'" in text
    ):  # P:/show is a path
        return "@" in text or "/p:" in text or _has_hint(_lower(text)) or _stands_apart(text)
    return (('"' in text or "%" in text) and _has_hint(_lower(text))) or _stands_apart(text)


def _stands_apart(text: str) -> bool:
    """Say whether a rule may apply that needs no sign between a name and its value."""
    if " " in text or "\t" in text:
        if "-" in text and (_has_hint(lowered := _lower(text)) or may_name_program(lowered)):
            return True
        if "earer" in text or "asic" in text or "EARER" in text or "ASIC" in text:
            return True
        # /password X, schtasks /p X, net user ron X; net use P: \\nas\show X; sqlplus ron/X
        if (
            ("/" in text and ("/pass" in text or "/pw" in text or "asks" in text or " user" in text))
            or (("\\" in text or "'" in text or '"' in text) and _may_be_of_windows(text))
            or ("q" in text and "sql" in text)
        ):
            return True
        # `setenv API_KEY X`, and a table of variables.
        if ("_" in text and "set" in text) or ("\n" in text and "    " in text):
            return _has_hint(_lower(text)) or _is_placed_or_token(text)
    return _is_placed_or_token(text)


def _is_placed_or_token(text: str) -> bool:
    if "@" in text and ("//" in text or ":" in text):
        return True
    return ((":" in text or "(" in text or "|" in text) and may_hold_placed(text)) or may_hold_token(text)


def _may_be_of_windows(text: str) -> bool:
    return "et use" in text or "net.exe" in text or "net'," in text or 'net",' in text or "/p:" in text


def _has_hint(lowered: str) -> bool:
    # Spelled out: `any(hint in lowered for hint in HINTS)` takes twice the time, and most messages come by here.
    return (
        "pass" in lowered
        or "pw" in lowered
        or "cre" in lowered
        or "token" in lowered
        or "key" in lowered
        or "auth" in lowered
        or "cookie" in lowered
        or "otp" in lowered
        or "jwt" in lowered
        or "bearer" in lowered
        or "_mongo" in lowered
        or "k_con" in lowered
        or "op_cur" in lowered
        or "sig" in lowered
    )


class TextRules:
    """The rules for texts, with a studio's own patterns after them.

    >>> TextRules(KeyRules()).scrub("GET https://ron:pw@nas/x?token=abc&frame=1001 for keyframe=12")
    'GET https://[redacted]@nas/x?token=[redacted]&frame=1001 for keyframe=12'
    """

    __slots__ = ("_keys", "_patterns")

    def __init__(self, keys: KeyRules, patterns: Iterable[re.Pattern[str]] = ()) -> None:
        self._keys = keys
        self._patterns = tuple(patterns)

    def scrub(self, text: str) -> str:
        """Return the text without the secrets in it; the same object where there are none."""
        plain = unquoted(text)
        if plain is not text and (clean := self._scrubbed(plain)) != plain:
            return clean
        return self._scrubbed(text)

    def _scrubbed(self, text: str) -> str:
        if may_hold_token(text):
            text = scrub_tokens(text)
        if "//" in text and "@" in text:
            text = _USER_INFO.sub(MARKER + "@", text)
        lowered = _lower(text)
        if "bearer" in lowered or "basic" in lowered:
            text = scrub_schemes(text)
            lowered = _lower(text)
        if _has_hint(lowered):
            text = self._pairs(text, lowered)
        if "-" in text or "/" in text or "\\" in text:
            lowered = _lower(text)
            if may_name_program(lowered):
                text = scrub_commands(text, lowered)
        if may_hold_placed(text):
            text = scrub_placed(text)
        for expression in self._patterns:
            text = expression.sub(_marker_for, text)
        return text

    def _pairs(self, text: str, lowered: str) -> str:
        pieces: list[str] = []
        done = 0
        for match in _NAME_AND_SEPARATOR.finditer(lowered):
            if match.start() < done:
                continue
            begin, end = self._extent(text, match)
            if end > begin >= done:
                pieces += (text[done:begin], MARKER)
                done = end
        return "".join([*pieces, text[done:]]) if pieces else text

    def _extent(self, text: str, match: re.Match[str]) -> tuple[int, int]:
        """Return where the secret after one name stands; equal numbers for none."""
        nothing = (match.end(), match.end())
        first = match.start()
        left = text[max(0, first - _MAX_LEFT) : first][::-1]
        run = _NAME.match(left)
        first -= run.end() if run else 0
        if text[first - 1 : first] == "%" and match.start() - first >= _ESCAPE:
            first += _ESCAPE  # the name begins behind an escape: %3Ftoken%3D
        key = (_NAME.match(text, first) or match)[0]
        kind = match.lastgroup
        if not self._is_secret(text, first, key) or not _joins(kind, text, first, key):
            return nothing
        if kind == "element":
            return match.end(), end_of_element(text, match.end())
        begin, end = self._value(text, key, match.end())
        if self._keys.verdict(key) == "path" and is_path_like(text[begin : begin + 4]):
            return nothing
        dash = "-" if kind == "space" else "--"
        if kind in ("space", "comma") and key.startswith("-") and text.startswith(dash, begin):
            return nothing  # the next flag
        return begin, end

    def _value(self, text: str, key: str, start: int) -> tuple[int, int]:
        if _HEADERS.search(words_of(key)) and text[start : start + 1] not in ("", '"', "'", "\\", "["):
            return start, end_of_header(text, start)
        return value_at(text, start)

    def _is_secret(self, text: str, first: int, key: str) -> bool:
        words = words_of(key)
        if self._keys.verdict(key) in ("secret", "path"):
            # Compilers speak of tokens, too: "unexpected token: }".
            return words != "token" or not _PARSER_WORD.search(text[max(0, first - 12) : first])
        if words in _QUERY_NAMES and text[first - 1 : first] in ("?", "&"):
            return True
        if words in ("key", "keys", "pass"):
            # "API key: x" is two words in prose, "Render pass: x" too.
            companion = _COMPANION.match(text[max(0, first - 16) : first][::-1])
            return companion is not None and self._keys.is_secret(f"{companion[1][::-1]}_{words}")
        return False


def _joins(kind: str | None, text: str, first: int, key: str) -> bool:
    """Say whether what stands after a name joins it to a value: signs do after any name, spaces after a few."""
    if kind == "space":
        return _is_flag(text, first, key) or _is_set(text, first, key)
    if kind == "column":
        return _VARIABLE.match(key) is not None and (first == 0 or text[first - 1].isspace())
    if kind == "element":
        return text[first - 1 : first] in ("<", ":")
    return True


def _is_set(text: str, first: int, key: str) -> bool:
    """Say whether a name is that of a variable which is set: `setenv FTRACK_API_KEY X`."""
    return "_" in words_of(key) and _SETTING.search(text[max(0, first - 16) : first]) is not None


def _is_flag(text: str, first: int, key: str) -> bool:
    if text[first - 1 : first] == "/" and key.lower() in _WINDOWS_FLAGS:
        first, key = first - 1, "-"
    return key.startswith("-") and (first == 0 or text[first - 1].isspace() or text[first - 1] in "\"'=([,`")


def _lower(text: str) -> str:
    """Return the text in lower case with every position kept: str.lower makes two characters of some."""
    if text.isascii():
        return text.lower()
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _marker_for(match: re.Match[str]) -> str:
    return MARKER if match[0] else ""
