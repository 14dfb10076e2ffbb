"""The log files that tools already write: one entry of `[[log_files]]` each, read by the drain.

A module of its own, loaded where an entry is configured: most hosts have none, and each dataclass costs the
start of all of them.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from clientobs._dataclass import dataclass
from clientobs.config import values
from clientobs.config.log_presets import PRESETS
from clientobs.config.problems import Unacceptable, did_you_mean

if TYPE_CHECKING:
    from clientobs.config.values import Base, Reader

__all__ = ["ACCEPTED", "Level", "LogFilesConfig", "read_log_files"]

Level: TypeAlias = Literal["trace", "debug", "info", "warn", "error", "fatal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilesConfig:
    """Log files that a tool writes by itself: followed by the drain, and shipped as logs of this machine."""

    name: str = ""
    """service.name of the records; unset: the preset's."""
    preset: str | None = None
    """Where a known tool's files are and how they look; what is set beside it counts more."""
    paths: tuple[str, ...] = ()
    """Globs of the files, on every system; `**` is any depth, `~` the home, `$NAME` or `%NAME%` a variable."""
    linux: tuple[str, ...] = ()
    """Further globs on Linux."""
    windows: tuple[str, ...] = ()
    """Further globs on Windows."""
    macos: tuple[str, ...] = ()
    """Further globs on macOS."""
    encoding: str = "utf-8"
    """Codec of the files; a byte order mark in a file counts more. What it can't decode is escaped."""
    pattern: str | None = None
    """Regular expression for the stamp at the start of a record, with the groups `time` and `level` where it has them;
    `elapsed` is a time since the group `began`, which stands in one line. It sees 1000 characters of a line.
    Unset: lines that begin with an ISO 8601 time, or else each line that is not indented. Tracebacks stay whole."""
    time: tuple[str, ...] = ()
    """Forms of the groups `time` and `began`, as for strptime; ISO 8601 is known without."""
    utc: bool = False
    """Times without a zone are UTC; otherwise the machine's own."""
    level: Level = "info"
    """The least severity that is shipped; "warn" for the presets of renderers and applications."""
    errors: tuple[str, ...] = ()
    """Regular expressions; a record that one of them finds something in is an error, whatever level it names."""
    ignore: tuple[str, ...] = ()
    """Regular expressions; a record that one of them finds something in is left out."""
    from_start: bool = False
    """Ship what is in a file already when it is met for the first time, at most its last 64 MiB."""
    per_minute: int = 600
    """Records of one file a minute, errors and others each; what goes beyond is counted."""

    def globs(self, platform: str) -> tuple[str, ...]:
        """Return the globs on one system, `platform` as sys.platform."""
        own = {"win32": self.windows, "darwin": self.macos}.get(platform, self.linux)
        return (*self.paths, *own)


_READERS: Final[dict[str, Reader]] = {
    "name": values.text,
    "preset": values.choice(*PRESETS),
    "paths": values.texts,
    "linux": values.texts,
    "windows": values.texts,
    "macos": values.texts,
    "encoding": values.text,
    "pattern": values.text,
    "time": values.texts,
    "utc": values.boolean,
    "level": values.choice(*get_args(Level)),
    "errors": values.patterns,
    "ignore": values.patterns,
    "from_start": values.boolean,
    "per_minute": values.count(1, 1_000_000),
}
ACCEPTED: Final = {
    "name": "text",
    "preset": " | ".join(PRESETS),
    **dict.fromkeys(("paths", "linux", "windows", "macos", "time"), "a list of texts"),
    "encoding": "a codec of Python for text",
    "pattern": "a regular expression",
    "utc": "true or false",
    "level": " | ".join(get_args(Level)),
    **dict.fromkeys(("errors", "ignore"), "a list of regular expressions"),
    "from_start": "true or false",
    "per_minute": "a whole number from 1 to 1000000",
}
"""What each key of an entry takes, in words for the reference."""

_NAMES: Final = tuple(field.name for field in fields(LogFilesConfig))
_PATHS: Final = ("paths", "linux", "windows", "macos")


def read_log_files(raw: object, base: Base) -> LogFilesConfig:
    """Return one entry; raises Unacceptable, which says what is accepted.

    >>> from clientobs.config.values import Base
    >>> base = Base(None, "/home/a", "linux")
    >>> entry = read_log_files({"name": "asset-tool", "paths": ["/var/log/asset/*.log"]}, base)
    >>> entry.globs("linux"), entry.level
    (('/var/log/asset/*.log',), 'info')
    """
    if not isinstance(raw, Mapping):
        raise Unacceptable("accepted: a table [[log_files]] with name and paths, or a preset")
    given = {str(key): _read(str(key), value, base) for key, value in raw.items()}
    preset = {
        key: tuple(_with_home(each, base) for each in value) if key in _PATHS else value
        for key, value in PRESETS.get(given.get("preset", ""), {}).items()
    }
    entry = LogFilesConfig(**{**preset, **given})
    is_placed = any(getattr(entry, name) for name in _PATHS)
    if entry.name and entry.preset and not is_placed:
        raise Unacceptable(
            f"accepted: globs (paths ...) with preset {entry.preset!r}: its files have no place of their own"
        )
    if not entry.name or not is_placed:
        raise Unacceptable(
            "accepted: a name and globs (paths, linux, windows or macos), or a preset that has them"
        )
    return entry


def _read(key: str, raw: object, base: Base) -> Any:
    if key not in _READERS:
        raise Unacceptable(f"unknown key {key!r}{did_you_mean(key, _NAMES)}; accepted: {', '.join(_NAMES)}")
    try:
        found = _READERS[key](raw, base)
        if key == "encoding":
            return _known(found)
        if key == "pattern":
            return values.patterns(found, base)[0]
        if key in _PATHS:
            return tuple(_with_home(each, base) for each in found)
    except Unacceptable as error:
        raise Unacceptable(f"{key}: accepted: {error}") from None
    return found


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        if "\n".encode(name).decode(name, "backslashreplace") != "\n":
            raise ValueError(name)
    except (LookupError, ValueError):  # also for base64 and its like, which are codecs and know no text
        raise Unacceptable(f"the name of a codec of Python for text ({encoding!r} is none)") from None
    return name


def _with_home(pattern: str, base: Base) -> str:
    """Put the user's home in front; a glob is not normalized, since its brackets may hold anything."""
    if pattern.startswith(("~/", "~\\")) and base.user_home is not None:
        return base.user_home + pattern[1:]
    return pattern
