"""Secrets on command lines: `--password X`, `--password=X`, and what programs that are known take otherwise.

Long flags are judged by their name (`keys.py`); short ones, and words without any flag, by the program
(`programs.py`: `mysql -pX`, `curl -u name:X`, `net use P: //nas/show X`). A command is read as a list of words, in a
text that a shell would read, and in a list as Python or JSON writes it (`Command '['mysql', '-pX']' returned ...`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from clientobs._patterns import pattern
from clientobs.privacy.keys import MARKER, KeyRules, Verdict, is_path_like, words_of
from clientobs.privacy.places import begin_of_login
from clientobs.privacy.programs import (
    AS_ARGUMENTS,
    CONTAINERS,
    LOGIN,
    NO_FLAGS,
    NOTHING,
    PROGRAMS,
    STEMS,
    Flags,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["may_name_program", "scrub_arguments", "scrub_commands"]

_MAX_LINE: Final = 4096
_MAX_NAME: Final = 512
_MAX_OPERANDS: Final = 16
_NAMES: Final = "|".join(map(re.escape, sorted(PROGRAMS, key=len, reverse=True)))
_ALL_NAMES: Final = "|".join(map(re.escape, sorted(AS_ARGUMENTS, key=len, reverse=True)))
_PROGRAM: Final = pattern(rf"(?<![\w.-])({_NAMES})(?:\.exe)?(?=[ \t\"'])")
_LISTED: Final = pattern(rf"(?<=[\"'/\\])({_ALL_NAMES})(?:\.exe)?[\"'](?=,)", re.IGNORECASE)
"""A program at the head of a list of words."""
# Signs of the shell are taken for a part of the word that they touch: arguments joined for a log are not quoted.
# No quote goes over the end of a line: an apostrophe of prose would else hide the commands of the lines behind it.
_WORD: Final = pattern(r"(?:\"(?:[^\"\\\n]+|\\.)*\"?|'[^'\n]*'?|[^\s\"']+)+", re.DOTALL)
_ITEM: Final = pattern(r"(?:\"(?:[^\"\\\n]+|\\.)*\"?|'(?:[^'\\\n]+|\\.)*'?)", re.DOTALL)
_GAP: Final = pattern(r"[ \t]*")
_COMMA: Final = pattern(r",\s{0,16}[bru]?(?=[\"'])")
_SIGNS: Final = pattern(r"[;|&]+\Z")
_END: Final = pattern(r".*;\Z", re.DOTALL)
_REDIRECT: Final = pattern(r"\d?[<>|&;]")
_FLAG: Final = pattern(r"--?[A-Za-z][\w.-]*\Z")
_WINDOWS_FLAG: Final = pattern(r"/(?:password|passwd|passphrase|pwd|pw|pass)\Z", re.IGNORECASE)
_SWITCH: Final = pattern(r"--[A-Za-z]|-[A-Za-z]\Z")
_ASSIGNED: Final = pattern(r"([\w.-]{1,128})(?:=|:[ \t]{0,3})(?=.)", re.DOTALL)
_EMPTY: Final = pattern(r"([\w.-]{1,128})[=:]\Z")
_JOINS: Final = ("=", ":")
_SETS: Final = frozenset({"set", "setx", "setenv", "config", "export", "-v", "/v"})
_ACCOUNT: Final = pattern(
    r"--?(?:[a-z]+-)?(?:user|userpwd|userinfo|basic-auth|http-auth|login)\Z", re.IGNORECASE
)
_NAMED: Final = pattern(r"[\w.@\\-]{1,64}:(?=[^/\\\s])")


def may_name_program(lowered: str) -> bool:
    """Say whether a lower-cased text may hold a command line of one of the known programs."""
    return any(stem in lowered for stem in STEMS)


def scrub_arguments(words: Sequence[str], rules: KeyRules, scrub: Callable[[str], str]) -> list[str]:
    """Return a command line's arguments without their secrets; `scrub` cleans what no flag explains.

    >>> scrub_arguments(["tool", "--password", "hunter2", "--frames=1-10"], KeyRules(), str)
    ['tool', '--password', '[redacted]', '--frames=1-10']
    """
    hits = dict(_hits(words, rules.verdict))
    return [_clean(word, hits.get(index), rules, scrub) for index, word in enumerate(words)]


def _clean(word: str, hit: int | None, rules: KeyRules, scrub: Callable[[str], str]) -> str:
    if hit is not None:
        return (scrub(word[:hit]) if hit else "") + MARKER
    assigned = _ASSIGNED.match(word)
    if assigned and rules.is_secret(assigned[1]):
        # One argument is one value, spaces and quotes included: a text could not tell where it ends.
        return word[: assigned.end()] + MARKER
    return scrub(word)


def scrub_commands(text: str, lowered: str) -> str:
    """Replace what programs that are known take as a secret, in command lines inside a text."""
    text = _replaced(text, _PROGRAM.finditer(lowered), _words_of_shell)
    if "'," in text or '",' in text:
        text = _replaced(text, _LISTED.finditer(text), _words_of_list)
    return text


def _replaced(
    text: str,
    programs: Iterator[re.Match[str]],
    words_behind: Callable[[str, int], Iterator[tuple[int, int]]],
) -> str:
    pieces: list[str] = []
    done = read = 0
    for match in programs:
        if match.start() < read:
            continue  # a part of the command before, and judged with it
        places = [match.span(1), *words_behind(text, match.end())]
        words = [match[1].lower(), *(text[begin:end] for begin, end in places[1:])]
        read = places[-1][1]
        for index, offset in _hits(words, _judged):
            begin, end = places[index]
            pieces += (text[done : begin + offset], MARKER)
            done = end
    return "".join([*pieces, text[done:]]) if pieces else text


def _words_of_shell(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where the words of a command begin and end, their quotes left outside, to the command's end."""
    position = start + (text[start] in "\"'")  # behind a path in quotes
    limit = min(len(text), start + _MAX_LINE)
    while match := _WORD.match(text, _end_of(_GAP, text, position), limit):
        word, position = match[0], match.end()
        if _SIGNS.match(word):
            return
        quoted = len(word) > 1 and word[0] in "\"'" and word[-1] == word[0]
        yield match.start() + quoted, match.end() - quoted
        if _END.match(word):
            return


def _words_of_list(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where each text after the first begins and ends, in a list as Python or JSON writes it."""
    position, limit = start, min(len(text), start + _MAX_LINE)
    while comma := _COMMA.match(text, position, limit):
        match = _ITEM.match(text, comma.end(), limit)
        if match is None:
            return
        position = match.end()
        closed = position - match.start() > 1 and text[position - 1] == text[match.start()]
        yield match.start() + 1, position - closed


def _end_of(expression: re.Pattern[str], text: str, position: int) -> int:
    found = expression.match(text, position)
    return found.end() if found else position


def _program_of(word: str) -> str:
    return word.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")


def _judged(_: str) -> Verdict:
    """Stand for the verdicts on names in a text: `texts.py` has asked for them before."""
    return "open"


def _hits(words: Sequence[str], verdict: Callable[[str], Verdict]) -> Iterator[tuple[int, int]]:
    """Yield (index, offset): from there on that word is secret.

    One pass over the words, because a program may start another (sudo, docker exec), and because what is
    taken for a password is not taken for a program as well.
    """
    flags, before = NO_FLAGS, ""
    awaited: Verdict = "open"
    line: list[str] = []
    for index, word in enumerate(words):
        if awaited != "open" and not _SWITCH.match(word):
            if awaited == "secret" or not is_path_like(word):
                yield index, 0
            awaited = "open"
        else:
            awaited = _awaited_after(word, before, flags, verdict)
            offset = NOTHING if awaited != "open" else _secret_in(word, before, flags, line)
            if offset != NOTHING:
                yield index, offset
            elif awaited == "open":
                flags, line = _program_after(word, flags, line)
        before = word
        if len(line) < _MAX_OPERANDS:
            line.append(word)


def _awaited_after(word: str, before: str, flags: Flags, verdict: Callable[[str], Verdict]) -> Verdict:
    """Say what the word after this one is."""
    first = word[:1]
    if flags.next and (
        _unbundled(word, flags) in flags.next or (first == "/" and word.lower() in flags.next)
    ):
        return "secret"
    if first == "-" and _FLAG.match(word):
        return verdict(word)
    if first == "/":
        return "secret" if _WINDOWS_FLAG.match(word) else "open"
    if word[-1:] in _JOINS and (empty := _EMPTY.match(word)):
        return verdict(empty[1])
    # `setx FTRACK_API_KEY X`; a name of one word may be anything: `git config token`.
    named = before in _SETS and "_" in words_of(word[-_MAX_NAME:])
    return "secret" if named and verdict(word) == "secret" else "open"


def _secret_in(word: str, before: str, flags: Flags, line: list[str]) -> int:
    """Return where in this word a secret begins, NOTHING for nowhere."""
    if flags is not NO_FLAGS:
        if offset := _glued(word, flags):
            return offset
        if flags.operand is not None and 0 < len(line) < _MAX_OPERANDS and not _REDIRECT.match(word):
            offset = flags.operand([*line[1:], word])
            if offset != NOTHING:
                return offset
    # A user and a group of a container are numbers or names, too.
    if ":" in word and before[:1] == "-" and flags is not CONTAINERS and _ACCOUNT.match(before):
        named = _NAMED.match(word)
        if named and not word.replace(":", "").isdigit():
            return named.end()
    return begin_of_login(word) if "@" in word else NOTHING


def _program_after(word: str, flags: Flags, line: list[str]) -> tuple[Flags, list[str]]:
    """Return the rules from this word on, and the words of the command so far."""
    if word[:1] == "-" or len(word) > _MAX_NAME:
        return flags, line
    if word == "login" and flags is CONTAINERS:
        return LOGIN, line
    found = AS_ARGUMENTS.get(_program_of(word))
    return (flags, line) if found is None else (found, [])


def _unbundled(word: str, flags: Flags) -> str:
    """Return a flag without the switches before it: `-u` for `-sSu`."""
    if flags.switches and word[:1] == "-" and word[1:2] != "-":
        return "-" + word[1:].lstrip(flags.switches)
    return word


def _glued(word: str, flags: Flags) -> int:
    """Return where the value begins that is glued to its flag, 0 for none."""
    bare = _unbundled(word, flags)
    for flag in flags.glued:
        if (bare.startswith(flag) or (flag[0] == "/" and bare.lower().startswith(flag))) and len(bare) > len(
            flag
        ):
            return len(word) - len(bare) + len(flag)
    for flag in flags.next:
        if flag.startswith("--") and word.startswith(flag + "=") and len(word) > len(flag) + 1:
            return len(flag) + 1
    return 0
