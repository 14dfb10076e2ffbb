"""Readers: each turns one raw value into a typed one, or says what is accepted.

One grammar for all layers: a variable hands in text, a TOML file or `init()` a number, a list or text. A
reader takes the raw value and the `Base` that relative paths start from.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from clientobs._patterns import pattern
from clientobs.config.problems import Unacceptable

__all__ = [
    "Base",
    "Reader",
    "boolean",
    "choice",
    "command",
    "count",
    "exit_codes",
    "exporter",
    "levels",
    "names",
    "path",
    "patterns",
    "ratio",
    "request_seconds",
    "seconds",
    "size",
    "subset",
    "text",
    "texts",
    "user_home",
]


class Base(NamedTuple):
    """What a relative path means in one layer."""

    folder: str | None
    """The folder of the TOML file; None for the current directory."""
    user_home: str | None
    """What `~` stands for."""
    platform: str
    """As sys.platform."""


Reader: TypeAlias = Callable[[object, Base], Any]

N = TypeVar("N", int, float)

_MOST: Final = 1 << 60
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_MILLISECONDS: Final = 1000
_DIGITS: Final = 18
"""int() raises on thousands of digits; no setting has so many."""
_REQUEST: Final = (0.001, 600.0)
_NUMBER: Final = pattern(r"([0-9]*\.?[0-9]+(?:e[0-9]+)?)\s*([a-z]*)\Z")
_CODE: Final = r"(?:[0-9]{1,10}(?:-[0-9]{1,10})?|SIG[A-Z0-9]+)"
_EXIT_CODES: Final = pattern(rf"[^=]+={_CODE}(?:,{_CODE})*\Z")
_LEVEL: Final = pattern(r"(?i)[^=\s]+\s*=\s*(?:trace|debug|info|warning|error|critical|off)\Z")
_SIZES: Final = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3}
_SIZES_BINARY: Final = {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_TIMES: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def text(raw: object, _base: Base) -> str:
    """Read text that is not empty."""
    if not isinstance(raw, str) or not raw.strip():
        raise Unacceptable("text that is not empty")
    return raw.strip()


def texts(raw: object, _base: Base) -> tuple[str, ...]:
    """Read a list of texts; one text is a list of one (it may hold commas)."""
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, (list, tuple, set, frozenset)) or not all(isinstance(each, str) for each in raw):
        raise Unacceptable("a list of texts")
    return tuple(raw) if isinstance(raw, (list, tuple)) else tuple(sorted(raw))


def names(raw: object, base: Base) -> tuple[str, ...]:
    """Read a list of lower-case names; in one text they are separated by commas."""
    parts = raw.split(",") if isinstance(raw, str) else texts(raw, base)
    found = dict.fromkeys(name for part in parts if (name := part.strip().lower()))
    return tuple(found)


def patterns(raw: object, base: Base) -> tuple[str, ...]:
    """Read a list of regular expressions, each of which must compile."""
    said = "a list of regular expressions"
    try:
        found = texts(raw, base)
    except Unacceptable:
        raise Unacceptable(said) from None
    for expression in found:
        try:
            re.compile(expression)
        except (re.error, RecursionError, OverflowError) as error:  # a few, once
            raise Unacceptable(f"{said} ({expression!r}: {error})") from None
    return found


def exit_codes(raw: object, base: Base) -> tuple[str, ...]:
    """Read a list of programs with codes that are no failure: "grep=1", "robocopy=1-7", "helper=SIGTERM"."""
    said = 'a list of programs and codes, e.g. ["grep=1", "robocopy=1-7", "helper=SIGTERM"]'
    try:
        found = texts(raw, base)
    except Unacceptable:
        raise Unacceptable(said) from None
    if not all(_EXIT_CODES.match(each) for each in found):
        raise Unacceptable(said)
    return found


def levels(raw: object, base: Base) -> tuple[str, ...]:
    """Read a list of loggers with their levels: "studio.publish=debug"; in one text separated by commas."""
    parts = [part.strip() for part in raw.split(",")] if isinstance(raw, str) else texts(raw, base)
    found = tuple(part for part in parts if part)
    if not all(_LEVEL.match(part) for part in found):
        raise Unacceptable('a list of loggers and levels, e.g. ["studio.publish=debug", "noisy=off"]')
    return found


def command(raw: object, _base: Base) -> tuple[str, ...]:
    """Read a program and its arguments, as a list: no shell takes part."""
    if not isinstance(raw, (list, tuple)) or not raw or not all(isinstance(each, str) for each in raw):
        raise Unacceptable('a list: the program and its arguments, e.g. ["/usr/bin/token", "--otlp"]')
    return tuple(raw)


def boolean(raw: object, _base: Base) -> bool:
    """Read true or false."""
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower() if isinstance(raw, (str, int)) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Unacceptable("true or false (1, 0, yes, no, on, off)")


def choice(*accepted: str) -> Reader:
    """Return a reader of one of `accepted`, in any case."""
    said = " | ".join(accepted)

    def read(raw: object, _base: Base) -> str:
        word = raw.strip().lower() if isinstance(raw, str) else ""
        if word not in accepted:
            raise Unacceptable(said)
        return word

    return read


def subset(*accepted: str) -> Reader:
    """Return a reader of names out of `accepted`; `none` alone means the empty list."""
    said = "any of " + ", ".join(accepted)

    def read(raw: object, base: Base) -> tuple[str, ...]:
        found = names(raw, base) if isinstance(raw, (str, list, tuple)) else ("",)
        if not set(found) <= set(accepted):
            raise Unacceptable(said)
        return tuple(name for name in found if name != "none")

    return read


def exporter(raw: object, base: Base) -> str:
    """Read a list of exporters, out of which OTLP is the one that clientobs has: "otlp" or "none"."""
    found = names(raw, base)
    if "otlp" in found:
        return "otlp"
    if found == ("none",):
        return "none"
    raise Unacceptable("otlp | none (clientobs has no other exporter)")


def count(least: int, most: int | None = None) -> Reader:
    """Return a reader of a whole number in least..most."""
    said = _range("a whole number", least, most, "{:d}".format)

    def read(raw: object, _base: Base) -> int:
        number = _whole(raw)
        if number is None or not least <= number <= (most or _MOST):
            raise Unacceptable(said)
        return number

    return read


def size(least: int, most: int | None = None) -> Reader:
    """Return a reader of bytes: a whole number, or text with a unit ("256 MiB", "1 GB")."""
    said = _range("bytes", least, most, _size_text)
    units = {**_SIZES, **_SIZES_BINARY}

    def read(raw: object, _base: Base) -> int:
        number = _measure(raw, units)
        if number is None or not least <= number <= (most or _MOST):
            raise Unacceptable(said)
        return int(number)

    return read


def seconds(least: float, most: float) -> Reader:
    """Return a reader of seconds: a number, or text with a unit ("500 ms", "24 h", "30 d")."""
    said = _range("seconds", least, most, _time_text)

    def read(raw: object, _base: Base) -> float:
        number = _measure(raw, _TIMES)
        if number is None or not least <= number <= most:
            raise Unacceptable(said)
        return float(number)

    return read


def request_seconds(raw: object, _base: Base) -> float:
    """Read the time-out of one request: seconds up to 600, or milliseconds from 1000 on.

    The OTLP specification says milliseconds and Python's SDK reads seconds, so studios have both in their
    environments. The two ranges don't meet: nobody waits 1000 s for one request, or gives it 0.6 s.

    >>> base = Base(None, None, "linux")
    >>> request_seconds("10", base), request_seconds("10000", base)
    (10.0, 10.0)
    """
    number = _measure(raw, _TIMES)
    if number is not None and number >= _MILLISECONDS:
        number /= 1000
    if number is None or not _REQUEST[0] <= number <= _REQUEST[1]:
        raise Unacceptable("seconds up to 600, or milliseconds from 1000 on")
    return float(number)


def ratio(raw: object, _base: Base) -> float:
    """Read a number from 0 to 1."""
    number = _measure(raw, {"": 1.0})
    if number is None or not 0 <= number <= 1:
        raise Unacceptable("a number from 0 to 1")
    return float(number)


def path(raw: object, base: Base) -> str:
    """Read a path: `~` is the user's home, a relative one starts at the layer's folder; no disk access."""
    if isinstance(raw, os.PathLike):
        raw = os.fspath(raw)
    if isinstance(raw, bytes):
        raw = os.fsdecode(raw)
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw:
        raise Unacceptable("a path")
    flavour = ntpath if base.platform == "win32" else posixpath
    if raw == "~" or raw.startswith(("~/", "~\\")):
        if base.user_home is None:
            raise Unacceptable("a path without ~ (this user has no home in the environment)")
        raw = base.user_home + raw[1:]
    if not flavour.isabs(raw):
        raw = flavour.join(_folder(base), raw)
    return str(flavour.normpath(raw))


def user_home(environ: Mapping[str, str], platform: str) -> str | None:
    """Return the user's home by the environment alone: the user database may lie on the network."""
    return environ.get("USERPROFILE" if platform == "win32" else "HOME") or None


def _range(what: str, least: N, most: N | None, show: Callable[[N], str]) -> str:
    if most is None:
        return f"{what}, at least {show(least)}" if least else what
    return f"{what} from {show(least)} to {show(most)}"


def _size_text(number: int) -> str:
    exact = (name for name, unit in reversed(_SIZES_BINARY.items()) if number and number % unit == 0)
    name = next(exact, None)
    spelt = {"kib": "KiB", "mib": "MiB", "gib": "GiB"}
    return f"{number // _SIZES_BINARY[name]} {spelt[name]}" if name else str(number)


def _time_text(number: float) -> str:
    name = next((name for name in ("d", "h") if number >= _TIMES[name] and number % _TIMES[name] == 0), None)
    return f"{number / _TIMES[name]:g} {name}" if name else f"{number:g} s"


def _folder(base: Base) -> str:
    if base.folder is not None:
        return base.folder
    try:
        return os.getcwd()
    except OSError:
        raise Unacceptable("an absolute path (the current directory is gone)") from None


def _whole(raw: object) -> int | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        return raw
    if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit():
        return int(raw) if len(raw.strip()) <= _DIGITS else None
    return None


def _measure(raw: object, units: Mapping[str, float]) -> float | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, (int, float)):
        return raw
    if not isinstance(raw, str) or not (match := _NUMBER.match(raw.strip().lower())):
        return None
    unit = units.get(match[2])
    if unit is None:
        return None
    number = float(match[1])
    return number * unit
