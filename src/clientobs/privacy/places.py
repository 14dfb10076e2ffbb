"""Secrets that nothing but their place gives away: `ron:X@nas`, `gazu.log_in("ron", "X")`, `echo X | sudo -S`.

No name stands before them, and they look like any other word. What is taken for one is bounded on both sides, so
that a search takes time in proportion to the text, whatever stands in it (benchmarks/redaction.py).
"""

from __future__ import annotations

import re
from typing import Final

from clientobs._patterns import pattern
from clientobs.privacy.keys import MARKER

__all__ = ["begin_of_login", "may_hold_placed", "scrub_placed"]

_NOT_LOGINS: Final = (
    r"(?!(?:e-?mail|mailto|from|to|cc|bcc|by|author|owner|contact|maintainer|artist|assignee|reviewer|sip"
)
# An address behind a word, a package's version, a digest: npm:react@next, image:tag@sha256:...
_LOGIN: Final = (
    _NOT_LOGINS + r"|npm|jsr|workspace|reply-to):)"
    r"[A-Za-z_][\w.+\\-]{0,63}:(?![/\\:])([^\s\"'<>@]{1,256}(?:@[^\s\"'<>@]{1,64}){0,4}?)@"
    r"(?!sha256:)(?![0-9a-fA-F]{1,16}(?![\w.-]))"
    r"(?:\[[0-9A-Fa-f:]{2,45}\]|(?:\d{1,3}\.){3}\d{1,3}|[A-Za-z][\w-]{0,63}(?:\.[\w-]{1,63}){0,8})"
)
_IN_WORD: Final = pattern(_LOGIN + r"(?:[:/\\?].*)?\Z", re.IGNORECASE | re.DOTALL)
_IN_TEXT: Final = pattern(
    r"(?<![\w.@:/\\+%-])" + _LOGIN + r"(?=[\s:/\\?\"'`),;\]}]|[.]?(?:\s|\Z)|\Z)", re.IGNORECASE
)
_TEXT: Final = r"(?:[rbu]?(?:\"(?:[^\"\\\n]|\\.){0,256}\"|'(?:[^'\\\n]|\\.){0,256}'))"
_CALL: Final = pattern(
    # The name of a person, or of a script and its site, then the secret.
    rf"(?:\b(?:log_?in|authenticate|HTTP(?:Basic|Digest|Proxy)Auth|basic_auth|db\.auth|set_password)\s?\(\s{{0,8}}{_TEXT}"
    rf"|\bShotgun\s?\(\s{{0,8}}{_TEXT}\s{{0,8}},\s{{0,8}}{_TEXT})\s{{0,8}},\s{{0,8}}(?P<quote>[\"'])",
)
_ECHOED: Final = pattern(
    r"\becho[ \t]{1,4}(?:-n[ \t]{1,4})?"
    r"(?P<value>\"[^\"\n]{1,256}\"|'[^'\n]{1,256}'|[^\s|\"'$][^\s|]{0,255})[ \t]{0,4}\|"
    r"[ \t]{0,4}(?:sudo[ \t][^|\n]{0,40}?(?:-[A-Za-z]{0,8}S|--stdin)\b"
    r"|[^|\n]{0,200}?(?:--password-stdin|--with-token|passwd[ \t]{1,4}--stdin|--passphrase-fd[ =]0|stdin:)"
    r"|(?:sudo[ \t]{1,4})?chpasswd\b)"
)
_ACCOUNT: Final = pattern(
    r"(?<![\w-])--?(?:[a-z]{1,12}-)?(?:user|userpwd|userinfo|basic-auth|http-auth|login)(?:=|[\"']?,?[ \t]{1,3})[\"']?"
    r"(?!\d{1,10}:\d{1,10}(?:[\s\"',]|\Z))[\w.@\\-]{1,64}:(?P<value>[^\s/\\\"'`][^\s\"'`]{0,256})",
    re.IGNORECASE,
)
_ESCAPES: Final = ("'\"'\"'", "'\\''")
"""How a shell's quoted word holds a quote."""


def begin_of_login(word: str) -> int:
    """Return where the secret of a word like `ron:X@nas` begins, -1 where the word is none.

    >>> begin_of_login("ron:hunter2@nas/share"), begin_of_login("git@github.com:studio/tools")
    (4, -1)
    """
    if "@" not in word or len(word) > 1024:  # noqa: PLR2004  # longer than any address
        return -1
    found = _IN_WORD.match(word)
    return found.start(1) if found else -1


def may_hold_placed(text: str) -> bool:
    """Say whether one of the signs is in the text without which none of the rules applies."""
    return (
        (
            ":" in text
            and ("@" in text or ("-" in text and ("user" in text or "login" in text or "auth" in text)))
        )
        or ("(" in text and ("og" in text or "uth" in text or "hotgun" in text or "password" in text))
        or ("|" in text and "echo" in text)
    )


def scrub_placed(text: str) -> str:
    """Replace what stands in the place of a secret.

    >>> scrub_placed("gazu.log_in('ron', 'hunter2'); mail to:ron@nas, ron:hunter2@nas")
    "gazu.log_in('ron', '[redacted]'); mail to:ron@nas, ron:[redacted]@nas"
    """
    if "@" in text and ":" in text:
        text = _IN_TEXT.sub(_of_first, text)
    if "|" in text and "echo" in text:
        text = _ECHOED.sub(_of_value, text)
    if "-" in text and ":" in text:
        text = _ACCOUNT.sub(_of_value, text)
    if "(" in text:
        text = _without_arguments(text)
    return text


def unquoted(text: str) -> str:
    """Undo a shell's way of putting a quote inside quotes; return the same object where there is none."""
    for escape in _ESCAPES:
        if escape in text:
            text = text.replace(escape, "'")
    return text


def _of_first(match: re.Match[str]) -> str:
    begin, end = match.start(1) - match.start(), match.end(1) - match.start()
    return match[0][:begin] + MARKER + match[0][end:]


def _of_value(match: re.Match[str]) -> str:
    begin, end = match.start("value") - match.start(), match.end("value") - match.start()
    return match[0][:begin] + MARKER + match[0][end:]


def _without_arguments(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for match in _CALL.finditer(text):
        begin = match.end()
        end = text.find(match["quote"], begin, begin + 512)
        end = end if end >= 0 else min(len(text), begin + 512)
        if begin >= done and end > begin:
            pieces += (text[done:begin], MARKER)
            done = end
    return "".join([*pieces, text[done:]]) if pieces else text
