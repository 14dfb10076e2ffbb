"""Secrets on command lines: `--password X`, `--password=X`, and the short flags of programs that are known.

A short flag means a password to one program and a port to the next, so `-p` and its kind are judged by the
program (`mysql -pX`, `sshpass -p X`, `curl -u name:X`); long flags are judged by their name (`keys.py`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from clientobs._patterns import pattern
from clientobs.privacy.keys import MARKER, KeyRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["may_name_program", "scrub_arguments", "scrub_commands"]


class _Flags(NamedTuple):
    """Flags of one program whose value is secret: glued to the flag, or the word after it."""

    glued: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


_NONE: Final = _Flags()
_CONTAINERS: Final = _Flags(next=("--password",))  # and -p after `login`: elsewhere it is a port
_LOGIN: Final = _Flags(next=("-p",))
_KEYSTORES: Final = ("-storepass", "-keypass", "-srcstorepass", "-deststorepass", "-new")
_PROGRAMS: Final[dict[str, _Flags]] = {
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb"), _Flags(glued=("-p",))),
    **dict.fromkeys(("7z", "7za", "7zz", "7zr", "rar", "unrar"), _Flags(glued=("-p",))),
    **dict.fromkeys(("plink", "pscp", "psftp", "putty"), _Flags(next=("-pw",))),
    **dict.fromkeys(("mongo", "mongosh", "mongodump", "mongorestore"), _Flags(("-p",), ("-p",))),
    **dict.fromkeys(("ldapsearch", "ldapmodify", "ldapadd", "ldapwhoami"), _Flags(("-w",), ("-w",))),
    **dict.fromkeys(("smbclient", "rpcclient"), _Flags(("-U",), ("-U", "--user"))),
    **dict.fromkeys(("zip", "unzip", "sqlcmd"), _Flags(("-P",), ("-P",))),
    **dict.fromkeys(("docker", "podman"), _CONTAINERS),
    "curl": _Flags(("-u", "-U"), ("-u", "-U", "-b", "--user", "--proxy-user", "--pass", "--proxy-pass")),
    "sshpass": _Flags(("-p",), ("-p",)),
    "redis-cli": _Flags(next=("-a", "--pass")),
    "p4": _Flags(("-P",), ("-P",)),
    **dict.fromkeys(("keytool", "jarsigner"), _Flags(next=_KEYSTORES)),
    **dict.fromkeys(("wlfreerdp", "sdl-freerdp"), _Flags(glued=("/p:",))),
    "signtool": _Flags(next=("/p",)),
    "osslsigncode": _Flags(next=("-pass",)),
    "schtasks": _Flags(next=("/p", "/rp")),
    "security": _Flags(next=("-w", "-p")),
    "etcdctl": _Flags(next=("--user",)),
    "vault": _Flags(next=("login",)),
    "psexec": _Flags(next=("-p",)),
    "lftp": _Flags(next=("-u",)),
    "openssl": _Flags(next=("-passin", "-passout", "-pass", "-k")),
    "xfreerdp": _Flags(glued=("/p:",)),
}
_STEMS: Final = (
    *("mysql", "mariadb", "7z", "rar", "plink", "pscp", "psftp", "putty", "mongo", "ldap", "sshpass", "curl", "zip"),
    *("client", "redis-cli", "sqlcmd", "p4", "psexec", "lftp", "openssl", "freerdp", "docker", "podman"),
    *("keytool", "signer", "signtool", "osslsigncode", "schtasks", "security", "etcdctl", "vault"),
)  # fmt: skip
"""A piece of each program's name: the prefilter."""

_AS_ARGUMENTS: Final[dict[str, _Flags]] = {
    **_PROGRAMS,
    "az": _Flags(next=("-p",)),
    "net": _Flags(glued=("/p:",)),
}
"""The same, and those whose names are in half of all texts: known where the words of a command are known."""

_MAX_LINE: Final = 4096
_MAX_NAME: Final = 512
_PROGRAM: Final = pattern(
    r"(?<![\w.-])(" + "|".join(sorted(_PROGRAMS, key=len, reverse=True)) + r")(?:\.exe)?(?=[ \t\"'])"
)
# Signs of the shell are taken for a part of the word that they touch: arguments joined for a log are not quoted.
_WORD: Final = pattern(r"(?:\"(?:[^\"\\]+|\\.)*\"?|'[^']*'?|[^\s\"']+)+", re.DOTALL)
_GAP: Final = pattern(r"[ \t]*")
_END: Final = pattern(r"[;|&]+\Z|.*;\Z", re.DOTALL)
_FLAG: Final = pattern(r"--?[A-Za-z][\w.-]*\Z")
_SWITCH: Final = pattern(r"--[A-Za-z]|-[A-Za-z]\Z")
_ASSIGNED: Final = pattern(r"([\w.-]{1,128})(?:=|:[ \t]{0,3})(?=.)", re.DOTALL)


def may_name_program(lowered: str) -> bool:
    """Say whether a lower-cased text may hold a command line of one of the known programs."""
    return any(stem in lowered for stem in _STEMS)


def scrub_arguments(words: Sequence[str], rules: KeyRules, scrub: Callable[[str], str]) -> list[str]:
    """Return a command line's arguments without their secrets; `scrub` cleans what no flag explains.

    >>> scrub_arguments(["tool", "--password", "hunter2", "--frames=1-10"], KeyRules(), str)
    ['tool', '--password', '[redacted]', '--frames=1-10']
    """
    hits = dict(_hits(words, lambda word: _FLAG.match(word) is not None and rules.is_secret(word)))
    return [_clean(word, hits.get(index), rules, scrub) for index, word in enumerate(words)]


def _clean(word: str, hit: int | None, rules: KeyRules, scrub: Callable[[str], str]) -> str:
    if hit is not None:
        return word[:hit] + MARKER
    assigned = _ASSIGNED.match(word)
    if assigned and rules.is_secret(assigned[1]):
        # One argument is one value, spaces and quotes included: a text could not tell where it ends.
        return word[: assigned.end()] + MARKER
    return scrub(word)


def scrub_commands(text: str, lowered: str) -> str:
    """Replace what the short flags of known programs carry, in command lines inside a text."""
    pieces: list[str] = []
    done = read = 0
    for match in _PROGRAM.finditer(lowered):
        if match.start() < read:
            continue  # a part of the command before, and judged with it
        command = _Command(text, match[1], match.end())
        read = command.end
        for start, end in command.secrets():
            pieces += (text[done:start], MARKER)
            done = end
    return "".join([*pieces, text[done:]]) if pieces else text


class _Command:
    """The words of one command inside a text, from behind the program's name to the command's end."""

    __slots__ = ("_places", "_words", "end")

    def __init__(self, text: str, program: str, start: int) -> None:
        self._words, self._places = [program], [(start, start)]
        self.end = start + (text[start] in "\"'")  # behind a path in quotes
        limit = min(len(text), start + _MAX_LINE)
        while match := _WORD.match(text, _gap_end(text, self.end), limit):
            quoted = _is_quoted(match[0])
            self._words.append(match[0][quoted : len(match[0]) - quoted])
            self._places.append((match.start() + quoted, match.end() - quoted))
            self.end = match.end()
            if _END.match(match[0]):
                break

    def secrets(self) -> Iterator[tuple[int, int]]:
        """Yield where its secrets begin and end in the text."""
        for index, offset in _hits(self._words, _never):
            begin, end = self._places[index]
            yield begin + offset, end


def _gap_end(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return gap.end() if gap else position


def _is_quoted(word: str) -> bool:
    return len(word) > 1 and word[0] in "\"'" and word[-1] == word[0]


def _program_of(word: str) -> str:
    return word.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")


def _never(_: str) -> bool:
    """Stand for the long flags, which `texts.py` has judged before."""
    return False


def _hits(words: Sequence[str], is_secret_flag: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Yield (index, offset): from there on that word is secret.

    One pass over the words, because a program may start another (sudo, docker exec), and because what is
    taken for a password is not taken for a program as well.
    """
    flags = _NONE
    awaited = False
    for index, word in enumerate(words):
        if awaited and not _SWITCH.match(word):
            yield index, 0
            awaited = False
        elif word in flags.next or is_secret_flag(word):
            awaited = True
        elif offset := _glued(word, flags):
            yield index, offset
        elif word == "login" and flags is _CONTAINERS:
            flags = _LOGIN
        else:
            awaited = False
            flags = _AS_ARGUMENTS.get(_program_of(word), flags) if len(word) <= _MAX_NAME else flags


def _glued(word: str, flags: _Flags) -> int:
    """Return where the value begins that is glued to its flag, 0 for none."""
    for flag in flags.glued:
        if word.startswith(flag) and len(word) > len(flag):
            return len(flag)
    for flag in flags.next:
        if flag.startswith("--") and word.startswith(flag + "=") and len(word) > len(flag) + 1:
            return len(flag) + 1
    return 0
